"""Checks access tokens with authlib's validator of RFC 9068. usage: KEYS ISSUER AUDIENCE, tokens on standard input, one
a line.

KEYS is the URL of a JWKS, or a file with one. Prints for each token its claims, or {"refused": why}.
"""
import json
import sys
import urllib.request

from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from authlib.oauth2.rfc9068.claims import JWTAccessTokenClaims

place, issuer, audience = sys.argv[1:4]
if place.startswith("http"):
    with urllib.request.urlopen(place) as answer:
        published = json.load(answer)
else:
    with open(place, encoding="utf-8") as file:
        published = json.load(file)
keys = JsonWebKey.import_key_set(published)


class Validator(JWTBearerTokenValidator):
    """The validator as authlib's documentation has it, and EdDSA, which its own reader of tokens does not take."""

    def get_jwks(self):
        return published

    def authenticate_token(self, token_string):
        claims = JsonWebToken(["RS256", "ES256", "EdDSA"]).decode(token_string, keys)
        options = {name: {"essential": True} for name in ("exp", "sub", "client_id", "iat", "jti")}
        options |= {name: {"essential": False} for name in ("auth_time", "acr", "amr", "scope", "groups", "roles")}
        options |= {"iss": {"essential": True, "validate": self.validate_iss},
                    "aud": {"essential": True, "value": self.resource_server}}
        if claims.header.get("alg") in ("RS256", "ES256"):
            return super().authenticate_token(token_string)
        return JWTAccessTokenClaims(claims, claims.header, options)


validator = Validator(issuer=issuer, resource_server=audience)
for line in sys.stdin:
    try:
        token = validator.authenticate_token(line.strip())
        if token.header.get("typ") != "at+jwt":
            raise ValueError("typ")
        validator.validate_token(token, [], None)
        print(json.dumps(token), flush=True)
    except Exception as error:  # whatever it is called: the token is refused
        print(json.dumps({"refused": repr(error)}), flush=True)
