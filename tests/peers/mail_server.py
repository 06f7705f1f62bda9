"""A real SMTP server for the tests: STARTTLS, authentication, and the moods of mail servers.

usage: mail_server.py MOOD CERTIFICATE KEY [PORT]

MOOD: takes, refuses (names that begin with "refused"), refuses_all, denies_relay, greylists_once, stalls, stalls_once
(each message the first time).
Prints "listening PORT", then one line of JSON for each message it took, refused or stalled at.
"""
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP

USER, PASSWORD = b"mailer", b"p@ss:word/1"


def tell(did, **facts):
    print(json.dumps({"did": did, **facts}), flush=True)


class Handler:
    def __init__(self, mood):
        self.mood = mood
        self.seen = set()

    def is_new(self, what):
        is_new = what not in self.seen
        self.seen.add(what)
        return is_new

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.mood == "refuses" and address.startswith("refused"):
            tell("refused", to=address)
            return "550 5.1.1 no such user here"
        if self.mood == "refuses_all":
            tell("refused", to=address)
            return f"550 5.7.1 <{address}>: refused by policy"
        if self.mood == "denies_relay":
            tell("denied", to=address)
            return f"554 5.7.1 <{address}>: Relay access denied"
        if self.mood == "greylists_once" and self.is_new(address):
            return "450 4.2.0 greylisted, come back"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        raw = envelope.content.decode("ascii")
        message = email.message_from_string(raw, policy=email.policy.default)
        facts = {
            "id": message["Message-ID"],
            "to": envelope.rcpt_tos[0],
            "subject": message["Subject"],
            "text": message.get_body(("plain",)).get_content(),
            "raw": raw,
            "encrypted": session.ssl is not None,
            "user": (session.auth_data or b"").decode(),
        }
        if self.mood == "stalls" or (self.mood == "stalls_once" and self.is_new(facts["id"])):
            tell("stalled", **facts)
            await asyncio.sleep(3600)
        tell("took", **facts)
        return "250 2.0.0 queued"


def authenticate(server, session, envelope, mechanism, auth_data):
    if auth_data.login == USER and auth_data.password == PASSWORD:
        return AuthResult(success=True, handled=True, auth_data=auth_data.login)
    return AuthResult(success=False, handled=False)


def main():
    mood, certificate, key = sys.argv[1:4]
    port = int(sys.argv[4]) if len(sys.argv) > 4 else 0
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

    controller = Bound(Handler(mood), hostname="127.0.0.1", port=port)
    controller.start()
    print("listening", controller.server.sockets[0].getsockname()[1], flush=True)
    try:
        sys.stdin.read()
    finally:
        controller.stop()


main()
