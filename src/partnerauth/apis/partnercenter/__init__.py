"""Partner Center: customers and their users, the partner's own profiles, consents, MFA. A file a resource.

Source: Microsoft "Partner Center REST API"; the reference of Partner Center, 5 to 11.
"""
