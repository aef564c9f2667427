# Sourced before each job's command: a job that the kernel kills can say nothing itself, and its shell says "Killed", no
# more. What it asked for is known where it counts, on a node of Slurm's: in a rule's own command it would make all stale.
expunge_on_exit() {
    if [ "$1" -eq 137 ]; then
        asked="${SLURM_MEM_PER_NODE:+ (memory_mb in its config.yaml asked for $SLURM_MEM_PER_NODE MB)}"
        echo "expunge: killed (signal 9), most likely for want of memory$asked: run with fewer --cores, or at a smaller" \
            "scale (python -m common.workflow plan shows what each job may take); given again, the command goes on where" \
            "it was" >&2
    fi
}
trap 'expunge_on_exit $?' EXIT
