"""Strategies: what may stand in a request or an answer, as hostile as the protocol allows."""

from hypothesis import strategies as st

from partnerauth.hidden import Hidden
from partnerauth.oauth.grants import AppItself, AuthorizationCode, DeviceCode, Grant, OnBehalfOf, Password, RefreshToken

letters = st.characters(codec="utf-8")
text = st.text(letters, max_size=40)
filled = st.text(letters, min_size=1, max_size=40)
hidden = filled.map(Hidden)
scopes = st.lists(st.from_regex(r"[!#-\[\]-~]{1,30}", fullmatch=True), max_size=4).map(tuple)
"""Scope tokens of RFC 6749 3.3."""

grants: st.SearchStrategy[Grant] = st.one_of(
    st.just(AppItself()),
    st.builds(AuthorizationCode, hidden, text, st.none() | hidden),
    st.builds(RefreshToken, hidden),
    st.builds(DeviceCode, hidden),
    st.builds(Password, filled, hidden),
    st.builds(OnBehalfOf, hidden),
)

proofs: st.SearchStrategy[dict[str, Hidden]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"client_secret": hidden}),
    st.fixed_dictionaries({"client_assertion_type": hidden, "client_assertion": hidden}),
)

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
