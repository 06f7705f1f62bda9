"""Checks access tokens (RFC 9068) with authlib. usage: KEYS ISSUER AUDIENCE, tokens on standard input, one a line.

KEYS is the URL of a JWKS, or a file with one. Prints for each token its claims, or {"refused": why}.
"""
import json
import sys
import urllib.request

from authlib.jose import JsonWebKey, JsonWebToken

place, issuer, audience = sys.argv[1:4]
if place.startswith("http"):
    with urllib.request.urlopen(place) as answer:
        found = JsonWebKey.import_key_set(json.load(answer))
else:
    with open(place, encoding="utf-8") as file:
        found = JsonWebKey.import_key_set(json.load(file))

wanted = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": audience},
          "sub": {"essential": True}, "exp": {"essential": True}, "jti": {"essential": True}}
for line in sys.stdin:
    try:
        claims = JsonWebToken(["RS256", "ES256", "EdDSA"]).decode(line.strip(), found, claims_options=wanted)
        claims.validate()
        if claims.header.get("typ") != "at+jwt":
            raise ValueError("typ")
        print(json.dumps(claims), flush=True)
    except Exception as error:  # whatever it is called: the token is refused
        print(json.dumps({"refused": repr(error)}), flush=True)
