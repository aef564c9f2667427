# Attribute unlearning: training jobs, figures, tables, comparison. PAPER says what there is; these rules say how it is made.
PAPER = PAPERS["attribute_unlearning"]


rule attribute_unlearning:
    input:
        PAPER.records,
        PAPER.artefacts,
        PAPER.comparison,


for job in PAPER.trainings():

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
            file=job.file,
            code=job.code,
            settings=job.settings,
        shell:
            "{params.python} -m {params.module} {params.file} 2>&1 | tee {log} >&2"


for drawing in PAPER.drawings():

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
        shell:
            "{params.python} -m {params.module} {params.artefact} {output} --title {params.title:q}"
            " --records {input} > {log} 2>&1"


rule attribute_unlearning_compare:
    input:
        PAPER.records,
        published="replications/attribute_unlearning/published.csv",
        claims="replications/attribute_unlearning/claims.yaml",
    output:
        PAPER.comparison,
    log:
        f"logs/{PLAN.scale}/attribute_unlearning_compare.log",
    params:
        python=dag.PYTHON,
        code=PAPER.comparison_code,
        places=PAPER.places,
        scale=PLAN.scale,
    shell:
        "{params.python} -m common.workflow compare attribute_unlearning --config scale={params.scale} > {log} 2>&1"
