"""Work on the files of one container, from within it.

A process of its own for each request.  It imports all it needs, enters the
container (``enter``), and is from then on no more than the container's first
process is: same files, same user, same capabilities, same cgroups.  Nothing is
needed in the image.

What is inside was put there by the tenant.  So once it has entered, nothing
is imported and nothing is looked up by the C library (names of users, time
zones, encodings): either would run or read code of the container in a process
that the host started.  doc/source/contributor/decisions.rst says more.
"""
