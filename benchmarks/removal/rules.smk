# One attacker for all: training jobs, attacks, figure, table. OWN says what there is; these rules say how it is made.
OWN = BENCHMARKS["removal"]


rule removal:
    input:
        OWN.records,
        OWN.artefacts,


for job in OWN.trainings():

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


for drawing in OWN.drawings():

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
