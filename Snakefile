# Every table, figure, comparison and the report of the five papers, from raw data to the last plot.
#
#   snakemake --cores all                     everything, at the scale this machine is made for
#   snakemake --cores all infoshape_fig4_3    one artefact
#   snakemake --cores all --config scale=reduced papers=infoshape
#   snakemake --cores all benchmark           each paper's removal term on shared ground, one battery of attackers
#
# Jobs are `python -m …`: each runs by hand with the same arguments. What a job depends on beside its inputs is in
# its params: a fingerprint of its code and its resolved configuration.
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))

from common.workflow import configurations, dag, pages, start

PLAN = start.start(ROOT, config)
OWNERS = dag.dags(PLAN)
PAPERS = [own for own in OWNERS if own.name in PLAN.papers]
BENCHMARKS = [own for own in OWNERS if own.name in PLAN.benchmarks]
shell.prefix(start.SHELL)
REPORT = f"figures/{PLAN.scale}/report/index.html"
DOCS = f"figures/{PLAN.scale}/report/docs/index.html"


# Here Snakemake holds its locks on what the jobs make, and a dry run does not come.
onstart:
    configurations.write_for(PLAN, workflow.dag.needrun_jobs())


rule all:
    input:
        [paper.records + paper.artefacts + paper.comparison for paper in PAPERS],
        REPORT,
        DOCS,


include: "common/workflow/rules.smk"


for path in [path for own in OWNERS for path in own.own_rules]:

    include: path


# Ours, beside the papers: no published numbers, no verdicts, and not part of `all`.
rule benchmark:
    input:
        [own.records + own.artefacts for own in BENCHMARKS],


rule compare:
    input:
        [paper.comparison for paper in PAPERS],


rule report:
    input:
        [paper.artefacts + paper.comparison for paper in PAPERS],
        [paper.committed for paper in PAPERS],
        pages.templates(ROOT),
    output:
        REPORT,
    log:
        f"logs/{PLAN.scale}/report.log",
    localrule: True
    params:
        python=dag.PYTHON,
        code=PLAN.code("common.workflow.report"),
        scale=PLAN.scale,
        papers=",".join(PLAN.papers),
        beside=pages.drawn_beside(PLAN),
    shell:
        "{params.python} -m common.workflow report --config scale={params.scale} papers={params.papers} > {log} 2>&1"


rule docs:
    input:
        pages.documented(ROOT),
        pages.templates(ROOT),
    output:
        DOCS,
    log:
        f"logs/{PLAN.scale}/docs.log",
    localrule: True
    params:
        python=dag.PYTHON,
        code=PLAN.code("common.workflow.docs"),
        scale=PLAN.scale,
    shell:
        "{params.python} -m common.workflow docs --config scale={params.scale} > {log} 2>&1"
