# The rules of every paper, and of every benchmark made like one: its target, training jobs, figures and tables, and the
# comparison with what was printed. common/workflow/dag.py says what there is; these rules say how it is made.
#
# One file for all, where the house was first drawn with one per folder: those were copies that differed by a name.
# Rules that one paper alone needs stand in its folder's own rules.smk, which the Snakefile includes where it is.
#
# Snakemake reads a shell command once more when its job runs, the loops long over: nothing of a loop may stand in it.
for own in OWNERS:

    rule:
        name:
            own.name
        input:
            own.records,
            own.artefacts,
            own.comparison,


for job in [job for own in OWNERS for job in own.processes()]:

    rule:
        name:
            job.rule
        input:
            job.inputs,
        output:
            # update: seeds on record stay while others are added, and finished ones survive a killed job
            records=[update(path) for path in job.records],
            weights=[update(path) for path in job.weights],
        log:
            f"logs/{PLAN.scale}/{job.rule}.log",
        benchmark:
            f"logs/{PLAN.scale}/{job.rule}.tsv"
        threads: job.threads
        resources:
            gpu=job.gpu,
            mem_mb=job.memory_mb,
        params:
            python=dag.PYTHON,
            module=job.module,
            files=job.files,
            code=job.code,
            settings=job.settings,
        shell:
            "{params.python} -m {params.module} {params.files} 2>&1 | tee {log} >&2"


# A cell made together with others has a name of its own still: asking for it runs the process that makes them all.
for job in [job for own in OWNERS for job in own.joined()]:

    rule:
        name:
            job.rule
        input:
            job.records,
            job.weights,


for drawing in [drawing for own in OWNERS for drawing in own.drawings()]:

    rule:
        name:
            drawing.rule
        input:
            drawing.records,
        output:
            drawing.files,
        log:
            f"logs/{PLAN.scale}/{drawing.rule}.log",
        params:
            python=dag.PYTHON,
            module=drawing.module,
            artefact=drawing.artefact,
            title=drawing.title,
            code=drawing.code,
            printed=drawing.printed,
        shell:
            "{params.python} -m {params.module} {params.artefact} {output} --title {params.title:q}"
            " --records {input} > {log} 2>&1"


for paper in PAPERS:

    rule:
        name:
            f"{paper.name}_compare"
        input:
            paper.compared,
            published=f"replications/{paper.name}/published.csv",
            claims=f"replications/{paper.name}/claims.yaml",
        output:
            paper.comparison,
        log:
            f"logs/{PLAN.scale}/{paper.name}_compare.log",
        params:
            python=dag.PYTHON,
            paper=paper.name,
            code=paper.comparison_code,
            places=paper.places,
            scale=PLAN.scale,
            beside=paper.compared_beside,
        shell:
            "{params.python} -m common.workflow compare {params.paper} --config scale={params.scale} > {log} 2>&1"
