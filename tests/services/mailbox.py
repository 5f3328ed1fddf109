"""A real SMTP server in a process of its own: `python mailbox.py FOLDER`. It writes its port into FOLDER/port.

What it takes it writes into FOLDER, a file for each mail. How it fails is in the recipient's name:

    later@    451 to the first mail          never@    550 to every mail
    lost@     takes the first mail and hangs up before it says so
"""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from aiosmtpd.smtp import SMTP


class Mailbox:
    def __init__(self, folder):
        self.folder = folder
        self.numbers = count()
        self.seen = set()

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        name = envelope.rcpt_tos[0].partition("@")[0]
        first = name not in self.seen
        self.seen.add(name)
        if name == "never":
            return "550 nobody of that name"
        if name == "later" and first:
            return "451 try again"
        path = self.folder / f"{next(self.numbers):03}-{name}.eml"
        path.with_suffix(".tmp").write_bytes(envelope.content)
        path.with_suffix(".tmp").rename(path)
        if name == "lost" and first:
            server.transport.abort()
        return "250 it has it"


async def main(folder):
    box = Mailbox(folder)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box, hostname="test"), "127.0.0.1", 0)
    (folder / "port.tmp").write_text(str(server.sockets[0].getsockname()[1]))
    (folder / "port.tmp").rename(folder / "port")
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
