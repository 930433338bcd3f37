"""Stores for tests of what writes to them."""

from tests.support.stores import empty_store as empty_store
from tests.support.stores import new_home as new_home
