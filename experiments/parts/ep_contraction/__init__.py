"""A network that relaxes to a fixed point, and its gradients: the parts of ``ep_contraction``.

``net`` (``FixedPointNet``, ``build``, ``settle``) relaxes; ``adjoints`` gives gradients at equilibrium
(``gmres`` solves for them), ``unrolled`` those of the loss after T steps, ``penalties`` local terms;
``training.Training`` makes updates of these, ``probe`` measures a network, and ``trajectory.Trajectory``
logs one seed's looks. Every tensor has a leading axis of seeds. ``config.Config`` says what an arm may set.
Imports the parts that studies share, and never another study, the planner or MLflow.
"""
