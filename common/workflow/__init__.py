"""Configuration, plan, rules, jobs and the command line.

A run: ``settings`` (what the command line says) and ``config`` (what a paper says) make a plan in ``resolve``; ``dag``
lists its jobs, ``rules.smk`` states them for Snakemake, which ``start`` starts under ``locks``; ``fingerprint`` says
when a job's code has changed. A job: ``job``, made light by ``lean``. Pages: ``report``, ``docs``, and in ``pages``
what they are made of. Commands: ``planning`` with ``cost`` and ``rates``; ``agreement``, ``regress``, ``scoreboard``;
``commands``, the smaller ones, and ``console``.
"""
