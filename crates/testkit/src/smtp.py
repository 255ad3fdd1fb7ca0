"""An SMTP server for tests: aiosmtpd. Prints its port, then each mail as a line of JSON.

Ends with its stdin. The only argument is JSON: mode (plain, starttls, tls), cert, key, user,
password, and answers: what it says to the first mails in place of accepting them.
"""

import asyncio
import json
import ssl
import sys
import threading
import warnings

from aiosmtpd.smtp import SMTP, AuthResult

# Not everything that is tried here is wise.
warnings.simplefilter("ignore")
options = json.loads(sys.argv[1])
answers = list(options["answers"])


def say(what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        say(
            {
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "data": envelope.content.decode("utf-8", "replace"),
                "tls": server.transport.get_extra_info("ssl_object") is not None,
                "login": bool(session.authenticated),
            }
        )
        return answers.pop(0) if answers else "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    given = (data.login.decode(), data.password.decode())
    # Not handled: the server itself says that it failed.
    return AuthResult(success=given == (options["user"], options["password"]), handled=False)


async def main():
    context = None
    if options["mode"] != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["cert"], options["key"])
    starttls = context if options["mode"] == "starttls" else None

    def session():
        return SMTP(
            Handler(),
            hostname="mail.test",
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required=options["user"] is not None,
            auth_require_tls=options["mode"] == "starttls",
            authenticator=authenticate,
        )

    implicit = context if options["mode"] == "tls" else None
    server = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=implicit
    )
    say(server.sockets[0].getsockname()[1])
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    wait = lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set))
    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()


asyncio.run(main())
