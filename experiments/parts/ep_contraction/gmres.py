"""GMRES for many small systems at once, each known only by what its matrix does to a vector."""

from __future__ import annotations

from collections.abc import Callable

import torch

Apply = Callable[[torch.Tensor], torch.Tensor]


def gmres(
    apply: Apply, rhs: torch.Tensor, tolerance: float = 1e-5, basis: int = 40, restarts: int = 5
) -> tuple[torch.Tensor, torch.Tensor]:
    """Solves A x = rhs row by row, with restarts.

    Args:
        apply: the product with each row's own matrix, (..., d) -> (..., d).
        rhs: right-hand sides, (..., d).
        tolerance: of the residual's norm, relative to the right-hand side's.
        basis: vectors of a Krylov basis before a restart.

    Returns:
        (solutions (..., d), relative residuals (...)).

    Source: Saad and Schultz, GMRES, SIAM J. Sci. Stat. Comput. 7 (1986), algorithm 4.
    """
    size = rhs.norm(dim=-1).clamp_min(torch.finfo(rhs.dtype).tiny)
    x = torch.zeros_like(rhs)
    left = rhs
    for _ in range(restarts):
        # What a row has reached is kept: a restart from rounding noise would only add to it.
        open_rows = (left.norm(dim=-1) / size > tolerance).unsqueeze(-1)
        if not open_rows.any():
            break
        x = x + torch.where(open_rows, _cycle(apply, left, min(basis, rhs.shape[-1])), 0.0)
        left = rhs - apply(x)
    return x, left.norm(dim=-1) / size


def _cycle(apply: Apply, left: torch.Tensor, basis: int) -> torch.Tensor:
    """The correction that minimises the residual over one Krylov space."""
    tiny = torch.finfo(left.dtype).tiny
    size = left.norm(dim=-1, keepdim=True)
    vectors = [left / size.clamp_min(tiny)]
    columns = []
    for _ in range(basis):
        new = apply(vectors[-1])
        column = []
        for old in vectors:
            along = (new * old).sum(-1, keepdim=True)
            new = new - along * old
            column.append(along)
        length = new.norm(dim=-1, keepdim=True)
        columns.append(torch.cat([*column, length], -1))
        vectors.append(new / length.clamp_min(tiny))
    rows = basis + 1
    hessenberg = torch.stack([torch.nn.functional.pad(c, (0, rows - c.shape[-1])) for c in columns], -1)
    target = torch.zeros_like(hessenberg[..., :1])
    target[..., :1, 0] = size
    # A pseudo-inverse, because a row that is solved early leaves the rest of its basis empty.
    weights = torch.linalg.pinv(hessenberg) @ target
    return (torch.stack(vectors[:-1], -1) @ weights).squeeze(-1)
