"""Transports shared by all rooms: SFTP, HTTP, and what our peers put on top of HTTP.

Takes addresses, keys and paths; gives bytes, rows and whole files in a sink. The only place that imports
paramiko and httpx: their exceptions become `PeerUnreachable`, `PeerRefused`, `PeerBroken` or `PeerUntrusted`
here and nowhere else.

| module | what |
| --- | --- |
| `ssh`, `sftp` | connection with a pinned host key; list, read, download, write |
| `http`, `signing` | bounded requests, resumable downloads; bearer tokens and HMAC signatures |
| `pages` | lists behind cursors, complete or not at all |
| `exports` | jobs that prepare files, and their download |
| `envelope` | the insurance platform's sealed and signed envelope |
| `retry`, `pace`, `sink` | how often, how slow, and where to |
"""
