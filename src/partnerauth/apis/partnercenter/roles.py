"""Who may ask: the partner's roles, and directory roles in a customer's tenant.

Source: the reference of Partner Center, 10 and 15.
"""

GLOBAL_ADMIN = "global_admin"
ADMIN_AGENT = "admin_agent"
SALES_AGENT = "sales_agent"
HELPDESK_AGENT = "helpdesk_agent"

AGENTS = (ADMIN_AGENT, SALES_AGENT, HELPDESK_AGENT)

DIRECTORY_READERS = "Directory Readers"
DIRECTORY_WRITERS = "Directory Writers"
GLOBAL_ADMINISTRATOR = "Global Administrator"
GLOBAL_READER = "Global Reader"
USER_ADMINISTRATOR = "User Administrator"
APPLICATION_ADMINISTRATOR = "Application Administrator"
CLOUD_APPLICATION_ADMINISTRATOR = "Cloud Application Administrator"
