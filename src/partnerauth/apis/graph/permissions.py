"""The APIs' permissions and their ids, as far as they are published (the reference of app registration, 1.1).

An id that is not here is found out at run time: `principals.by_app_id` of the API has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

PARTNER_CENTER = "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd"
MICROSOFT_PARTNER = "4990cffe-04e8-4e8b-808a-1175604b879f"
MARKETPLACE = "fabfbdc4-5751-471c-ac43-3826fa1afc31"
MANAGEMENT = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
KEY_VAULT = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
OFFICE_MANAGEMENT = "c5393580-f805-4401-95e8-94b7a6ef2fc2"
LICENSES = "aeb86249-8ea3-49e2-900b-54cc8e308f85"
GRAPH = "00000003-0000-0000-c000-000000000000"
AZURE_AD_GRAPH = "00000002-0000-0000-c000-000000000000"


class Permission(NamedTuple):
    """A permission: its name, its id as a delegated one, its id as one for applications; empty where it is none."""

    name: str
    scope: str = ""
    role: str = ""


def _table(text: str) -> tuple[Permission, ...]:
    """Rows of name, id as a delegated permission, id as one for applications; a hyphen where it is none."""
    rows = (line.split() for line in text.splitlines())
    return tuple(Permission(*(word if word != "-" else "" for word in row)) for row in rows if row)


PERMISSIONS: Mapping[str, tuple[Permission, ...]] = {
    PARTNER_CENTER: _table(
        """
user_impersonation 1cebfa2a-fb4d-419e-b5f9-839b4383e05a -
"""
    ),
    MANAGEMENT: _table(
        """
user_impersonation 41094075-9dad-400e-a0bd-54e686782033 -
"""
    ),
    EXCHANGE: _table(
        """
Exchange.ManageAsApp -                                    dc50a0fb-09a3-484d-be87-e023b12c6440
"""
    ),
    GRAPH: _table(
        """
User.Read                                 e1fe6dd8-ba31-4d61-89e7-88639da4683d -
openid                                    37f7f235-527c-4136-accd-4a02d197296e -
profile                                   14dad69e-099b-42c9-810b-d002981feec1 -
offline_access                            7427e0e9-2fba-42fe-b0c0-848c9e6a8182 -
email                                     64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0 -
User.ReadBasic.All                        b340eb25-3456-403f-be2f-af7a0d370277 -
Directory.AccessAsUser.All                0e263e50-5827-48a4-b97c-d940288653c7 -
Directory.Read.All                        06da0dbc-49e2-44d2-8312-53f166ab848a 7ab1d382-f21e-4acd-a863-ba3e13f7da61
Directory.ReadWrite.All                   c5366453-9fb0-48a5-a156-24f0c49a4b84 19dbc75e-c2e2-444c-a770-ec69d8559fc7
User.Read.All                             a154be20-db9c-4678-8ab7-66f6cc099a59 df021288-bdef-4463-88db-98f22de89214
User.ReadWrite.All                        204e0828-b5ca-4ad8-b9f3-f32a958e7cc4 741f803b-c850-494e-b5df-cde7c675a1ca
Group.Read.All                            5f8c59db-677d-491f-a6b8-5f174b11ec1d 5b567255-7703-4780-807c-7be8301ae99b
Group.ReadWrite.All                       4e46008b-f24c-477d-8fff-7bb4ec7aafe0 62a82d76-70ea-41e2-9197-370581804d09
GroupMember.ReadWrite.All                 f81125ac-d3b7-4573-a3b2-7099cc39df9e dbaae8cf-10b5-4b86-a4a1-f871c94c6695
Application.Read.All                      c79f8feb-a9db-4090-85f9-90d820caa0eb 9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30
Application.ReadWrite.All                 bdfbf15f-ee85-4955-8675-146e8e5296b5 1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9
Application.ReadWrite.OwnedBy             -                                    18a4783c-866b-4cc7-a460-3d5e5662c884
AppRoleAssignment.ReadWrite.All           84bccea3-f856-4a8a-967b-dbe0a3d53a64 06b708a9-e830-4db3-a914-8e69da51d44f
DelegatedPermissionGrant.ReadWrite.All    41ce6ca6-6826-4807-84f1-1c82854f7ee5 8e8e4742-1d95-4f68-9d56-6ee75648c72a
RoleManagement.ReadWrite.Directory        d01b97e9-cbc0-49fe-810a-750afd5527a3 9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8
DelegatedAdminRelationship.Read.All       0c0064ea-477b-4130-82a5-4c2cc4ff68aa f6e9e124-4586-492f-adc0-c6f96e4823fd
DelegatedAdminRelationship.ReadWrite.All  885f682f-a990-4bad-a642-36736a74b0c7 cc13eba4-8cd8-44c6-b4d4-f93237adce58
Domain.ReadWrite.All                      0b5d694c-a244-4bde-86e6-eb5cd07730fe 7e05723c-0bb0-42da-be95-ae9f08a6e53c
LicenseAssignment.ReadWrite.All           f55016cc-149c-447e-8f21-7cf3ec1d6350 5facf0c1-8979-4e95-abcf-ff3d079771c0
Policy.ReadWrite.ApplicationConfiguration b27add92-efb2-4f16-84f5-8108ba77985c be74164b-cff1-491c-8741-e671cb536e13
"""
    ),
    AZURE_AD_GRAPH: _table(
        """
User.Read                  311a71cc-e848-46a1-bdf8-97ff7156d8e6 -
Directory.AccessAsUser.All a42657d6-7f20-40e3-b6f0-cee03008a62a -
Directory.Read.All         5778995a-e1bf-45b8-affa-663a9f3f4d04 5778995a-e1bf-45b8-affa-663a9f3f4d04
Directory.ReadWrite.All    78c8a3c8-a07e-4b9e-af1b-b5ccab50a175 78c8a3c8-a07e-4b9e-af1b-b5ccab50a175
Group.Read.All             6234d376-f627-4f0f-90e0-dff25c5211a3 -
Group.ReadWrite.All        970d6fa6-214a-4a9b-8513-08fad511e2fd -
User.Read.All              c582532d-9d9e-43bd-a97c-2667a28ce295 -
User.ReadBasic.All         cba73afc-7f69-4d86-8450-4978e04ecd1a -
Member.Read.Hidden         2d05a661-f651-4d57-a595-489c91eda336 -
Domain.ReadWrite.All       -                                    abefe9df-d5a9-41c6-a60b-27b38eac3efb
Application.ReadWrite.All  -                                    1cda74f2-2616-4834-b122-5cb1b07f8a59
"""
    ),
}
"""Permissions by the API's application id."""


def required(api: str, scopes: tuple[str, ...] = (), roles: tuple[str, ...] = ()) -> dict[str, object]:
    """An entry of `requiredResourceAccess`, by names of published permissions. Raises KeyError for another one."""
    known = {permission.name: permission for permission in PERMISSIONS[api]}
    access = [{"id": known[name].scope, "type": "Scope"} for name in scopes]
    access += [{"id": known[name].role, "type": "Role"} for name in roles]
    return {"resourceAppId": api, "resourceAccess": access}
