"""The registry API ``/v2/``: what ``docker push`` and ``docker pull`` speak.

The OCI distribution specification 1.1, with Docker's token authentication
(``docs/spec/auth/token.md`` of the CNCF project distribution).
"""
