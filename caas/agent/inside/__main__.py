"""Run by the agent as ``python -I -S THIS_FILE SEARCH_PATH``.

Without ``site``, whose start takes longer than all the work; the agent says
where it was imported from itself.
"""

import sys

if __name__ == "__main__":
    sys.path[:] = sys.argv[1].split(":")
    from caas.agent.inside import run

    run.main()
