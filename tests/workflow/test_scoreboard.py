from common.workflow.scoreboard import with_scoreboard


def test_readme_shows_the_committed_numbers(root):
    """If this fails: python -m common.workflow scoreboard."""
    old, new = with_scoreboard(root)
    assert old == new
