"""Stores for the contracts."""

from stores import empty_store as empty_store
from stores import new_home as new_home
