"""Stores for the contracts."""

from tests.support.stores import empty_store as empty_store
from tests.support.stores import new_home as new_home
