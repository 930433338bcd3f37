"""A log of impressions, and click models that train side by side on it: the parts of ``gated_ctr``.

``generator.synthetic`` and ``files.load_clicks`` give a ``clicks.ClickLog``; ``net.GatedNetwork`` is the
model, of ``layers`` and ``cross_layers`` with a leading axis of seeds; ``training.Training`` trains one
epoch (``batches``, ``schedules``) and measures it (``auc``); ``checkpoints`` keeps each seed's state as if
it had trained alone. ``config.Config`` says what an arm may set. Imports the parts that studies share, and
never another study, the planner or MLflow.
"""
