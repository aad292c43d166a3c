"""Row S0: "Referrals API authentication" (000_a3a8d9d5da6b8a45.txt)."""

import json
import subprocess
from pathlib import Path

import pytest

from partnerauth.apis import referrals
from partnerauth.cloud import GLOBAL, Api
from partnerauth.emulator.default import ADMIN_AGENT, JOHN, PASSWORD, REFERRALS_USER, TENANT, WEB_APP, WEB_APP_SECRET
from partnerauth.emulator.worldfile import read_world
from partnerauth.errors import AccountBlocked, Forbidden, InvalidRequest, MfaMissing, NotFound, PermissionNeeded
from partnerauth.hidden import Hidden
from partnerauth.messages import Request
from partnerauth.oauth.authorize import Ticket
from partnerauth.oauth.evidence import read_access_token
from partnerauth.oauth.exchange import TokenRequest
from partnerauth.oauth.refusals import refused
from partnerauth.oauth.sources import PasswordUser
from partnerauth.oauth.tokens import TokenSet
from tests.seeds.conftest import Place, ServeWorld, Shell
from tests.seeds.sample import Sample, differences, request_bytes
