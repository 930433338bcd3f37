"""Networks that predict the next chunk from its context, and the losses that train them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

Loss = tuple[torch.Tensor, dict[str, float]]


def infonce(
    queries: torch.Tensor, keys: torch.Tensor, temperature: float, symmetric: bool = False
) -> torch.Tensor:
    """InfoNCE with in-batch negatives (van den Oord et al. 2018), nats, mean over the batch.

    The negatives are the other keys of the batch: accumulating gradients adds none.

    Args:
        queries, keys: (n, d) of unit length; row i of one belongs to row i of the other.
        symmetric: the mean of both directions, as two-tower retrievers are trained.
    """
    scores = queries @ keys.T / temperature
    own = torch.arange(len(scores), device=scores.device)
    loss = F.cross_entropy(scores, own)
    return (loss + F.cross_entropy(scores.T, own)) / 2 if symmetric else loss


class Predictor(nn.Module):
    """An MLP over the concatenated context: (n, context, d) to (n, d) of unit length."""

    def __init__(self, context: int, dim: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(context * dim, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, dim),
        )

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.body(context.flatten(1)), dim=1)


class AttentionMixture(nn.Module):
    """The context's mean, corrected by an attention mixture over it (the source's AMN)."""

    def __init__(self, context: int, dim: int, width: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.correction = nn.Sequential(nn.Linear(2 * dim, width), nn.GELU(), nn.Linear(width, dim))

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        mean = context.mean(1)
        scores = torch.einsum("nd,ncd->nc", self.query(mean), self.key(context)) / mean.shape[1] ** 0.5
        mixture = torch.einsum("nc,ncd->nd", scores.softmax(1), context)
        return F.normalize(mean + self.correction(torch.cat([mean, mixture], 1)), dim=1)


class Retriever(nn.Module):
    """A predictor with what its objective adds: a projection head, or a tower for the documents.

    Three spaces: *raw*, in which chunk vectors are given; *projected*, behind the head that
    predictions and targets share; *tower*, where predictions meet encoded documents.

    Args:
        objective: name of the objective; ``search`` says in which space the bank is searched.
        projection_dim: width of the head; None for objectives without one.
    """

    def __init__(
        self, objective: str, search: str, context: int, dim: int, width: int, projection_dim: int | None
    ) -> None:
        super().__init__()
        self.objective, self.search = objective, search
        kind = AttentionMixture if objective == "amn_baseline" else Predictor
        self.predictor = kind(context, dim, width)
        self.head = self.tower = None
        if projection_dim is not None:
            self.head = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, projection_dim))
        if objective == "two_tower":
            self.tower = nn.Sequential(nn.Linear(dim, width), nn.GELU(), nn.Linear(width, dim))

    def predict(self, context: torch.Tensor) -> torch.Tensor:
        """Predictions in the raw space, or queries in the tower's; (n, d) of unit length."""
        return self.predictor(context)

    def project(self, vectors: torch.Tensor) -> torch.Tensor:
        """Raw vectors behind the projection head, of unit length."""
        assert self.head is not None
        return F.normalize(self.head(vectors), dim=1)

    def query(self, predicted: torch.Tensor) -> torch.Tensor:
        """Predictions in the space that is searched."""
        return self.project(predicted) if self.search == "projected" else predicted

    def embed(self, vectors: torch.Tensor) -> torch.Tensor:
        """Chunk vectors, of the bank say, in the space that is searched."""
        if self.tower is not None:
            return F.normalize(vectors + self.tower(vectors), dim=1)
        return self.project(vectors) if self.search == "projected" else vectors


def training_loss(
    model: Retriever,
    context: torch.Tensor,
    targets: torch.Tensor,
    lambda_con: float,
    lambda_ar: float,
    temperature: float,
) -> Loss:
    """lambda_con InfoNCE + lambda_ar (1 - cosine), each in the space that the objective says.

    Chunk vectors are data: no gradient reaches them, nor the encoder that made them. A head or tower
    that they pass through is trained on both sides.

    Args:
        context: (n, context, d). targets: (n, d).

    Returns:
        the loss, and its parts (a part of weight 0 is left out): ``train_infonce`` (nats) and
        ``train_cosine``.
    """
    context, targets = context.detach(), targets.detach()
    predicted = model.predict(context)
    total, parts = predicted.new_zeros(()), {}
    if lambda_con:
        if model.tower is not None:
            contrast = infonce(predicted, model.embed(targets), temperature, symmetric=True)
        elif model.head is not None:
            contrast = infonce(model.project(predicted), model.project(targets), temperature)
        else:
            contrast = infonce(predicted, targets, temperature)
        total, parts["train_infonce"] = total + lambda_con * contrast, contrast.item()
    if lambda_ar:
        cosine = (predicted * targets).sum(1).mean()
        total, parts["train_cosine"] = total + lambda_ar * (1 - cosine), cosine.item()
    return total, parts
