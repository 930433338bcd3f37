"""Credit for the blocks of a residual MLP, and updates made from it: the parts of ``credit_linesearch``.

``residual_mlp.ResidualMLP`` is trained by ``classifier.train_classifier``; ``credits`` (``oracle``, ``dfa``)
and ``estimators`` (``fit``, ``estimated``) give a ``Credit``, which ``quality`` holds against the exact one;
``update.Rule`` makes a step of it, ``trials.Trials`` tries steps from one snapshot, and
``line_search.search`` finds the best size. ``config.Config`` says what an arm may set. Imports the parts
that studies share, and never another study, the planner or MLflow.
"""
