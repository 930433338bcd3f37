"""Stores for tests of what writes to them."""

from stores import empty_store as empty_store
from stores import new_home as new_home
