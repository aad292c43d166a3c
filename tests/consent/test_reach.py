"""What a kept consent opens: each API by its token or its refusal, and the consent none the worse for it."""

import pytest

from partnerauth.cloud import CHINA, GLOBAL, Api
from partnerauth.consent.consent import State
from partnerauth.consent.grants import read_grants
from partnerauth.consent.reach import named, reach, roles_seen
from partnerauth.emulator.default import APPLICATION_IDS, TENANT, WEB_APP
from partnerauth.errors import Misconfigured, PartnerAuthError
from partnerauth.messages import Request, Response
from partnerauth.oauth.sources import AppOnly
from tests.consent.partner import GRAPH, PARTNER_CENTER, Partner, refusing, spent_tokens


@pytest.fixture
def partner() -> Partner:
    """Contoso, where an admin agent has consented."""
    partner = Partner()
    partner.consent()
    return partner


def test_each_api_is_told(partner: Partner) -> None:
    found = partner.run(reach(partner.user, named(partner.cloud, "")))

    assert [(one.api, one.open, one.permissions) for one in found] == [
        ("partner-center", True, ("user_impersonation",)),
        ("referrals", True, ("user_impersonation",)),
        ("graph", True, ("Directory.Read.All", "User.Read")),
        ("management", True, ("user_impersonation",)),
    ]


def test_every_rotated_token_is_stored(partner: Partner) -> None:
    partner.run(reach(partner.user, named(partner.cloud, "")))

    assert partner.kept().generation == 4
    assert len(set(spent_tokens(partner))) == 4, "each spends what the one before left"
    assert partner.opens(partner.kept().refresh_token)


@pytest.mark.parametrize("asked", ["graph", "partner-center graph"])
def test_a_refusal_is_told_and_changes_nothing(partner: Partner, asked: str) -> None:
    del partner.emulator.world.tenants[TENANT].grants[WEB_APP, APPLICATION_IDS[Api.GRAPH], ""]
    found = {one.api: one for one in partner.run(reach(partner.user, named(partner.cloud, asked)))}

    facts = found["graph"].facts()
    assert (facts["open"], facts["code"]) == (False, 65001)
    assert "Nobody in this tenant has consented" in str(facts["cause"])
    assert facts["remedy"]
    assert found["graph"].unasked
    assert (partner.kept().state, partner.kept().code) == (State.LIVE, "")
    assert len(partner.asked) == 2, "one that opens is asked once more where it was not the last anyway"


def test_where_nothing_opens_the_consent_says_why(partner: Partner) -> None:
    partner.change = refusing(50057)
    found = partner.run(reach(partner.user, named(partner.cloud, "")))

    assert not [one for one in found if one.open]
    assert partner.kept().state is State.SUSPENDED


def test_an_api_that_does_not_answer_is_no_refusal(partner: Partner) -> None:
    def silent(request: Request, response: Response) -> Response:
        asks = request.path.endswith("/token") and request.fields.get("resource") == GRAPH.identifier
        return Response(503) if asks else response

    partner.change = silent
    graph, center = partner.run(reach(partner.user, {"graph": GRAPH, "partner-center": PARTNER_CENTER}))

    assert graph.error is not None
    assert center.open


def test_roles_are_those_that_graph_names(partner: Partner) -> None:
    found = partner.run(reach(partner.user, named(partner.cloud, "graph")))
    roles = partner.run(roles_seen(found, partner.cloud, ("told",)))
    without = partner.run(roles_seen(found[:0], partner.cloud, ("told",)))

    assert roles == ("told", "Admin agent", "Global Administrator")
    assert without == ("told",)
    assert found[0].token.reveal() not in repr(found)


def test_where_graph_names_none_there_are_none(partner: Partner) -> None:
    found = partner.run(reach(partner.user, named(partner.cloud, "graph")))
    partner.change = lambda request, response: Response(403) if "memberOf" in request.path else response

    assert partner.run(roles_seen(found, partner.cloud)) == ()


def test_names() -> None:
    assert list(named(GLOBAL, "")) == ["partner-center", "referrals", "graph", "management"]
    assert list(named(CHINA, "")) == ["partner-center", "graph", "management"]
    assert list(named(GLOBAL, " graph,key-vault ")) == ["graph", "key-vault"]
    for wrong in ("nowhere", "azure-ad-graph"):
        with pytest.raises(Misconfigured):
            named(GLOBAL, wrong)
    with pytest.raises(Misconfigured):
        named(CHINA, "referrals")


# --- asked for, and granted


def test_what_is_asked_for_and_what_is_granted(partner: Partner) -> None:
    """By the person who consented, since the application itself has no right to look."""
    world = partner.emulator.world
    management = APPLICATION_IDS[Api.MANAGEMENT]
    world.tenants[TENANT].grants[WEB_APP, management, ""] = {"something_else"}
    alone = AppOnly(partner.application, partner.cloud.authority(TENANT), clock=partner.clock)

    found = {one.api: one for one in partner.run(read_grants(WEB_APP, [alone, partner.user]))}

    graph = next(
        one for api, one in found.items() if api.endswith("Graph") and "Azure AD" not in api and "Windows" not in api
    )
    assert graph.asked == graph.granted == ("Directory.Read.All", "User.Read")
    [odd] = [one for one in found.values() if one.missing]
    assert (odd.missing, odd.beyond) == (("user_impersonation",), ("something_else",))


def test_where_nobody_may_look_the_refusal_comes_out(partner: Partner) -> None:
    alone = AppOnly(partner.application, partner.cloud.authority(TENANT), clock=partner.clock)

    with pytest.raises(PartnerAuthError):
        partner.run(read_grants(WEB_APP, [alone]))
