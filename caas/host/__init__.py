"""What ``caas-host`` does: it looks into the sets of the host it is run on.

It asks nobody but the engine, and the files of the agent: it works while the
agent is down, and as far as can be while the engine hangs.
"""
