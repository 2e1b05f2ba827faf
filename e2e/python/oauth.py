"""authlib, as it is, against MoocFlix's OAuth 2.0 endpoints: oauth.py URL, with {client_id, client_secret, refresh_token} as
JSON on standard input. Prints what it got as JSON; fails if authlib is not content."""
import json
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

base, given = sys.argv[1], json.load(sys.stdin)
metadata = AuthorizationServerMetadata(requests.get(get_well_known_url(base, external=True), timeout=10).json())
metadata.validate()
assert metadata["issuer"] == base, metadata
tokens = {}
for method in ("client_secret_basic", "client_secret_post"):
    session = OAuth2Session(given["client_id"], given["client_secret"], token_endpoint_auth_method=method)
    token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope="content:read")
    assert token["token_type"] == "Bearer" and token["scope"] == "content:read", token
    revoked = session.revoke_token(metadata["revocation_endpoint"], token=token["access_token"], token_type_hint="access_token")
    assert revoked.status_code == 200, revoked.text
    tokens[method] = token["access_token"]
person = OAuth2Session("moocflix", token_endpoint_auth_method="none")
refreshed = person.refresh_token(metadata["token_endpoint"], refresh_token=given["refresh_token"])
assert refreshed["refresh_token"] != given["refresh_token"]
profile = requests.get(f"{base}/api/v1/users/profile", headers={"Authorization": f"Bearer {refreshed['access_token']}"}, timeout=10)
assert profile.status_code == 200, profile.text
revoked = person.revoke_token(metadata["revocation_endpoint"], token=refreshed["refresh_token"], token_type_hint="refresh_token")
assert revoked.status_code == 200, revoked.text
tokens["person"] = refreshed["access_token"]
print(json.dumps(tokens))
