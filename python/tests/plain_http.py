"""Requests by which tests look at what they started."""

import httpx

# Whoever is asked may be stopped before the next request.
NOT_KEPT = httpx.Limits(max_keepalive_connections=0)

# One client for all of them: `httpx.get` and the like load all authorities of the system each time,
# which takes longer than the request.
HTTP = httpx.Client(limits=NOT_KEPT)
