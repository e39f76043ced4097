"""How well a text is written: n-grams and xz to compare a network with, and the longest
passage that it copied.
"""

import lzma

import numpy as np


def score_ngrams(
    learned: np.ndarray, text: np.ndarray, symbols: int, orders: int = 6
) -> np.ndarray:
    """Predicts each character of a text from those before it, by counting.

    An n-gram of order n knows how often each character came after the same n - 1
    characters. Witten and Bell (1991) mix its counts with the prediction of the order
    below: after a context that came `total` times, with `kinds` different characters
    behind it, a character that came `count` times has the probability

        (count + kinds * lower) / (total + kinds)

    and below order 1 all characters are equally likely. So no character is impossible,
    and the probabilities of all of them add up to one.

    Args:
        learned: numbers of the characters that are counted, integers `(n,)` in
            [0, symbols).
        text: numbers of the characters to predict, `(m,)`. The text goes on where
            `learned` ends; elsewhere its first few characters are less well predicted.
        symbols: how many different characters there are.
        orders: the highest order.

    Returns:
        -log of the probability of each character, nats, for the orders 1, 2, ...,
        float64 `(orders, m)`.

    Raises:
        ValueError: less is learned than the highest order.
    """
    start = len(learned)
    if start < orders:
        raise ValueError(
            f"{start} characters to learn from, expected at least {orders}: a longer "
            "text, or lower orders"
        )
    codes = np.concatenate([learned, text]).astype(np.int64)
    context = np.zeros(len(codes), np.int64)  # which one is before each character
    probability = np.full(len(text), 1 / symbols)
    scores = np.empty((orders, len(text)))
    for order in range(1, orders + 1):
        # A context and the character behind it are the context of the next order.
        # Before the first characters of all there is none.
        grams, gram = np.unique(context * symbols + codes, return_inverse=True)
        counted = slice(order - 1, start)
        counts = np.bincount(gram[counted], minlength=len(grams))
        totals = np.bincount(context[counted], minlength=context.max() + 1)
        kinds = np.bincount(grams[counts > 0] // symbols, minlength=len(totals))

        before = context[start:]
        weight = kinds[before] / np.maximum(totals[before] + kinds[before], 1)
        weight[totals[before] == 0] = 1  # never seen: only the lower order speaks
        seen = counts[gram[start:]] / np.maximum(totals[before] + kinds[before], 1)
        probability = seen + weight * probability
        scores[order - 1] = -np.log(probability)

        context = np.concatenate([[0], gram[:-1]])
    return scores


def score_xz(learned: str, text: str) -> float:
    """Returns how many nats a character xz needs for a text, when it has packed what
    comes before: the size of both together minus that of the first.
    """
    packed = [
        lzma.compress(part.encode(), preset=9 | lzma.PRESET_EXTREME)
        for part in (learned, learned + text)
    ]
    return (len(packed[1]) - len(packed[0])) * 8 * np.log(2) / len(text)


def score_others(dataset) -> tuple[dict[str, float], int, np.ndarray]:
    """Predicts the test text of a `data.Dataset` without a network, by n-grams and xz
    that have seen the training text.

    Returns:
        What a character costs on average, nats by name; the order of the n-grams that
        are best on the validation text; and what each character costs with these,
        float64 `(n,)`.
    """
    learned, names = dataset.train.y, dataset.class_names
    validation, test = (
        score_ngrams(learned, split.y, len(names))
        for split in (dataset.validation, dataset.test)
    )
    scores = {
        f"{order}-grams": float(nats.mean()) for order, nats in enumerate(test, start=1)
    }
    texts = ["".join(names[n] for n in part) for part in (learned, dataset.test.y)]
    scores["xz"] = float(score_xz(*texts))
    best = int(validation.mean(axis=1).argmin())
    return scores, best + 1, test[best]


def find_longest_copy(written: str, learned: str) -> str:
    """Returns the longest passage of a text that stands in another one, letter by
    letter; the first of several.
    """
    best = ""
    for start in range(len(written)):
        # A passage that begins here is of interest only if it is longer.
        while start + len(best) < len(written):
            longer = written[start : start + len(best) + 1]
            if longer not in learned:
                break
            best = longer
    return best
