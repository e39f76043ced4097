"""A network that was trained on ImageNet names what it sees."""

SMALL = {"blur": 2.0, "angle": 180.0}


def test_likeliest_classes_are_those_of_the_docstring(small_run):
    answers = small_run.metrics["answers"]
    assert all(len(row) == 5 for rows in answers.values() for row in rows.values())
    likeliest = {
        photo: {version: next(iter(row)) for version, row in rows.items()}
        for photo, rows in answers.items()
    }
    assert {photo: row["as it is"] for photo, row in likeliest.items()} == {
        "china.jpg": "palace",
        "flower.jpg": "daisy",
        "grace_hopper.jpg": "academic gown",
    }
    assert likeliest["china.jpg"]["turned by 180"] == "boathouse"
    assert likeliest["flower.jpg"]["turned by 180"] == "daisy"
    assert likeliest["flower.jpg"]["blurred by 2"] != "daisy"


def test_figures(small_run):
    figures = {path.name for path in (small_run.folder / "figures").iterdir()}
    assert figures == {"kernels.png"} | {
        f"{kind}_{name}.png"
        for kind in ("answers", "feature_maps")
        for name in ("china", "flower", "grace_hopper")
    }
