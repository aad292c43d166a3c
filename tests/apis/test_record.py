"""Records read what services send: known fields by name, everything else kept."""

from typing import Any

import pytest

from partnerauth.apis.partnercenter.customers import Customer
from partnerauth.apis.partnercenter.filter import Filter
from partnerauth.apis.partnercenter.users import User
from partnerauth.apis.referrals import Referral
from partnerauth.errors import Unreadable


def test_unknown_fields_and_choices_pass_through() -> None:
    """The services add some without notice."""
    sent = {"id": "x", "relationshipToPartner": "something_new", "new": {"deep": [1]}, "attributes": {"etag": "e"}}
    customer = Customer.read(sent)

    assert customer.relationship_to_partner == "something_new"
    assert customer.raw == sent


def test_nulls_count_as_absent() -> None:
    """The reference of Partner Center, 6: user answers show explicit nulls."""
    user = User.read({"id": "x", "lastDirectorySyncTime": None, "softDeletionTime": None})

    assert (user.last_directory_sync_time, user.soft_deletion_time) == ("", "")
    assert user.raw["softDeletionTime"] is None


def test_the_doubled_to_is_the_services_own() -> None:
    """The reference of Referrals, 4.2; numbers may come as texts (7)."""
    sent = {"consent": {"consentToToShareInfoWithOthers": True}, "details": {"dealValue": "45000"}, "eTag": '"e"'}
    referral = Referral.read({"id": "x", **sent})

    assert referral.consent is not None
    assert referral.details is not None
    assert referral.consent.consent_to_to_share_info_with_others is True
    assert referral.details.deal_value == 45000
    assert referral.e_tag == '"e"'


def test_a_record_prints_its_id_and_nothing_personal() -> None:
    assert repr(User.read({"id": "x", "firstName": "Ana"})) == "<User x>"


@pytest.mark.parametrize("value", [None, [], "x", {}, {"id": 5}, {"id": "x", "companyProfile": "y"}], ids=str)
def test_what_is_no_record_cannot_be_read(value: Any) -> None:
    with pytest.raises(Unreadable):
        Customer.read(value)


def test_a_filter_is_read_as_it_was_written() -> None:
    """The reference of Partner Center, 7."""
    condition = Filter("CompanyName", 'say "Ö"')

    assert str(condition) == '{"Field":"CompanyName","Value":"say \\"Ö\\"","Operator":"starts_with"}'
    assert Filter.read(str(condition)) == condition
