"""A real SMTP server for the tests: STARTTLS, authentication, and the moods of mail servers.

usage: server.py MOOD CERTIFICATE KEY      (MOOD: takes, refuses, greylists_once, stalls)
Prints "listening PORT", then one line of JSON for each message it took.
"""
import json
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP

USER, PASSWORD = b"mailer", b"p@ss:word/1"


class Handler:
    def __init__(self, mood):
        self.mood = mood
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mood == "refuses":
            return "550 5.1.1 no such user here"
        if self.mood == "greylists_once" and address not in self.seen:
            self.seen.add(address)
            return "450 4.2.0 greylisted, come back"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        if self.mood == "stalls":
            import asyncio

            await asyncio.sleep(3600)
        message = envelope.content.decode("ascii")
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "message": message,
            "encrypted": session.ssl is not None,
            "user": (session.auth_data or b"").decode(),
        }), flush=True)
        return "250 2.0.0 queued"


def authenticate(server, session, envelope, mechanism, auth_data):
    right = auth_data.login == USER and auth_data.password == PASSWORD
    return AuthResult(success=right, handled=True, auth_data=auth_data.login) if right else AuthResult(
        success=False, handled=False)


def main():
    mood, certificate, key = sys.argv[1:4]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Bound(Controller):
        def factory(self):
            return SMTP(self.handler, tls_context=context, require_starttls=True, authenticator=authenticate,
                        auth_required=True, hostname="localhost")

        def _trigger_server(self):
            # The port is only known now, and `Controller` looks at the one it was given.
            self.port = self.server.sockets[0].getsockname()[1]
            super()._trigger_server()

    controller = Bound(Handler(mood), hostname="127.0.0.1", port=0)
    controller.start()
    print("listening", controller.server.sockets[0].getsockname()[1], flush=True)
    try:
        sys.stdin.read()
    finally:
        controller.stop()


main()
