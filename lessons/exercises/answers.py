"""Hints and solutions of the exercises.

Whoever wants to find out for themselves does not read on.
"""

from typing import NamedTuple


class Answer(NamedTuple):
    """What a learner is told about an exercise, step by step.

    Attributes:
        hints: three, each saying more.
        why: what was wrong, and why the change repairs it.
        flags: of a solution on the command line.
        changes: of a solution in the script: each a text that stands in it once, and
            what takes its place.
    """

    hints: tuple[str, str, str]
    why: str
    flags: tuple[str, ...] = ()
    changes: tuple[tuple[str, str], ...] = ()


ANSWERS = {
    1: Answer(
        (
            "Loss and accuracy say that it goes wrong, not why. How far does one "
            "update move the weights?",
            "The first updates are three quarters as large as the weights themselves: "
            "what these were before is gone.",
            "--learning-rate is 0.3. Adam's steps are about as long as the learning "
            "rate, whatever the gradient is.",
        ),
        "The learning rate is too high. Adam divides the gradient by its usual size, "
        "so that each weight moves by "
        "about the learning rate at each update; the weights themselves are below 0.1. "
        "Usual for Adam is 0.001, and a"
        " factor of ten to either side still works here.",
        flags=("--learning-rate", "0.003"),
    ),
    2: Answer(
        (
            "A loss that still falls at the end is no failure: the training is not "
            "over. But how long would it take?",
            "More epochs help little by themselves. Compare the learning rate with the "
            "one of course_1_tf_lr, or try "
            "ten times as much: does the loss fall ten times as fast?",
            "Plain gradient descent, unlike Adam, works with 0.1 and more here. And "
            "two passes are 80 updates.",
        ),
        "The learning rate is too low and the training too short. Each alone would do "
        "with enough of the other: 0.001"
        " with thousands of epochs. The rule of thumb: first find the largest learning "
        "rate at which the loss falls "
        "without jumping, then train until the validation loss no longer falls.",
        flags=("--learning-rate", "0.3", "--epochs", "10"),
    ),
    3: Answer(
        (
            "Bad on the training images too: it is no overfitting. The loss has "
            "leveled off: nor are epochs missing.",
            "What the network knows of an image after its hidden layer is a few "
            "numbers. How many?",
            "--units is 3: three numbers are to tell ten digits in all their "
            "handwritings apart.",
        ),
        "The network is too small. Three rectified units give the last layer a point "
        "in a corner of a space of three "
        "dimensions, and no planes through it separate ten digits well. From ten units "
        "on it reads most of them, and "
        "from a few dozen on a wider layer brings little.",
        flags=("--units", "128"),
    ),
    4: Answer(
        (
            "Where do the two losses part? What is there to gain after that from "
            "images that are all read right?",
            "Three kinds of remedy: a network that can do less, a training that ends "
            "earlier, a penalty on large weights. Look at where the validation loss is "
            "lowest.",
            "It is lowest in the first ten epochs. Dropout slows down what comes "
            "after, so combine the two; or shrink"
            " the weights at every update, with a --weight-decay of several.",
        ),
        "Overfitting. After a few epochs the network reads all training images right, "
        "and from then on it only grows "
        "more confident, also where it misreads other images. Ending early is the "
        "cheapest remedy; with dropout, what is "
        "learned until then holds for more images. Weight decay alone does it too. "
        "Fewer units or dropout alone do "
        "not: 60 epochs are enough to memorize 500 images in spite of them.",
        flags=("--dropout", "0.5", "--epochs", "10"),
    ),
    5: Answer(
        (
            "The picture hardly changes from the first step on. What does the sum that "
            "falls consist of?",
            "The style's loss is 8 at the start and weighs 0.01; the content's is a "
            "fraction and weighs 50. Which of "
            "the two would an optimizer care for?",
            "What counts is the ratio of --style-weight to --content-weight: now 1 to "
            "5,000. Take one that is above "
            "1, and not so high that the content no longer counts.",
        ),
        "The weights give nothing to the style: any change of the picture costs more "
        "content than it gains style. "
        "Only the ratio of the two weights matters. From about 1 on the painting "
        "shows, at 1,000 nothing of the "
        "photograph is left.",
        flags=("--content-weight", "1", "--style-weight", "10"),
    ),
    6: Answer(
        (
            "The first update already ruins it, so look at what there is before it: at "
            "the numbers that come in.",
            "Pixels are 0 to 255. The gradient of a weight in the first layer is a sum "
            "of products with them.",
            "Elsewhere, the first layer of every network here is "
            "keras.layers.Rescaling(1 / 255).",
        ),
        "The inputs are not scaled. Pixels of up to 255 make the hidden units, and "
        "with them the gradients, hundreds "
        "of times as large as usual; one step at a usual learning rate drives the "
        "units to where they answer to "
        "nothing any more. A tiny learning rate avoids that, but it starts from "
        "answers that are wrong and far too confident, and five epochs of tiny steps "
        "cannot undo that. The "
        "scaling belongs into the model, so "
        "that whoever uses it can give it pictures as they are.",
        changes=(
            (
                "            keras.layers.Flatten(),\n",
                "            keras.layers.Rescaling(1 / 255),\n            "
                "keras.layers.Flatten(),\n",
            ),
        ),
    ),
    7: Answer(
        (
            "The order of the ten answers is right, their size is not. What makes "
            "probabilities of any ten numbers?",
            "Softmax of ten numbers between 0 and 1 gives e / (e + 9) = 0.23 at most.",
            "There are two of them: softmax as the last layer's activation, and a "
            "layer of its own after it.",
        ),
        "Softmax is applied twice. The first one gives numbers between 0 and 1, of "
        "which the second one cannot make a"
        " probability above 0.23. The loss stays above -ln 0.23 = 1.46, and the "
        "gradient asks for ever larger weights"
        " in vain. One softmax, or none with from_logits=True in the loss, is right.",
        changes=(("            keras.layers.Softmax(),\n", ""),),
    ),
    8: Answer(
        (
            "A network that cannot even learn its training images, with settings that "
            "work elsewhere: look at the "
            "data, as it reaches `fit`.",
            "figures.draw_grid or matplotlib: draw images[:40] with labels[:40]. From "
            "which image on are they wrong?",
            "Images are left out somewhere in the middle, and as many labels at the "
            "end.",
        ),
        "The labels are out of step with the images. Leaving out a faint image moves "
        "all later images forward, while "
        "the labels stay and lose their tail. After the first gap, each image has the "
        "label of another. Whatever is "
        "done to images must be done to labels with the same index.",
        changes=(
            (
                "    images = images[images.mean(axis=(1, 2, 3)) > 20]  # without the "
                "faintest ones\n"
                "    labels = labels[: len(images)]\n",
                "    clear = images.mean(axis=(1, 2, 3)) > 20  # not the faintest "
                "ones\n"
                "    images, labels = images[clear], labels[clear]\n",
            ),
        ),
    ),
    9: Answer(
        (
            "The loss leaps ten times an epoch. What else is there ten of, and in "
            "which order does it come?",
            "Print the labels of a few batches. shuffle(n) does not mix the whole data "
            "set: what does its n mean?",
            "shuffle(100) draws each example from the next 100. Of one digit there are "
            "about 400 in a row.",
        ),
        "The data is sorted and as good as not shuffled. A buffer of 100 examples "
        "mixes neighbors, and neighbors are "
        "all of one digit: the network learns to answer that digit, forgets the one "
        "before, and ends with the last. "
        "The buffer must hold the whole data set, or the arrays must be shuffled "
        "before. To shuffle batches instead "
        "is not enough: each of them is still of one digit or two.",
        changes=((".shuffle(100)", ".shuffle(len(labels))"),),
    ),
    10: Answer(
        (
            "Where no gradient arrives, no optimizer and no learning rate can help. "
            "Which layers get one?",
            "A rectified unit passes a gradient on only where its sum is above 0. What "
            "is that sum before training?",
            "bias_initializer: the sums of inputs and weights are within 1 or so, and "
            "then 2 is subtracted.",
        ),
        "The units are dead. With a bias of -2 the sum is below zero for every image "
        "and every unit: max(0, sum) is "
        "0, and so is its slope. The last layer sees zeros and learns no more than how "
        "frequent the digits are. "
        "Biases start at 0; or the slope is not 0 on the left, as in leaky ReLU.",
        changes=(
            (
                "    threshold = keras.initializers.Constant(-2.0)\n",
                '    threshold = "zeros"\n',
            ),
        ),
    ),
    11: Answer(
        (
            "Compare the gradients of the last hidden layer with those of the first "
            "one.",
            "Going back through a layer multiplies the gradient by the slope of the "
            "activation. How steep is the "
            "sigmoid at its steepest?",
            "At most 0.25, mostly less; to the power of twelve nothing is left. Other "
            "activations have a slope of 1.",
        ),
        "The gradient vanishes. Each sigmoid multiplies it by at most a quarter; after "
        "eleven of them the first layer"
        " gets about a ten-millionth of what the last one gets. Rectified linear units "
        "have the slope 1 wherever they"
        " answer; tanh has it at 0. Batch normalization between the layers helps as "
        "well. Fewer layers would, too, "
        "but that is not what was asked.",
        changes=(('activation="sigmoid"', 'activation="relu"'),),
    ),
    12: Answer(
        (
            "To the last decimal the same: not a training that goes badly, but none.",
            "model.summary() counts trainable parameters. What does `trainable` of a "
            "model mean for the layers in it?",
            "model.trainable = False comes after the new layer was put into the model.",
        ),
        "Everything is frozen. `trainable = False` on a model holds for all layers in "
        "it, the new one too, and "
        "nothing is left to learn. Only the network that was trained before is to be "
        "frozen. To unfreeze all instead "
        "is worse: 300 images spoil what 3.4 million weights had learned.",
        changes=(("    model.trainable = False", "    network.trainable = False"),),
    ),
    13: Answer(
        (
            "Between `fit` and `evaluate` the weights are the same. Which layers work "
            "in two ways?",
            "Batch normalization takes the batch's mean and variance in training, and "
            "in use running ones, which move"
            " by a hundredth at each update. There are 60 updates. And: in which range "
            "of numbers does the network "
            "take its images?",
            "Hold the statistics that a million photographs gave: a frozen batch "
            "normalization uses and keeps them. "
            "And the backbone has its preprocessing inside: it takes 0 to 255, not 0 "
            "to 1.",
        ),
        "Two mistakes. Images were scaled to 0 to 1 and then once more inside the "
        "backbone, so that the network saw "
        "nothing but black; in training, batch normalization made up for it with each "
        "batch's own statistics. And "
        "those in use afterwards, the running ones, had hardly begun to follow. "
        "Without the second scaling, and with "
        "batch normalization frozen, training and use are the same. (training=False in "
        "the call is no remedy here: "
        "`fit` passes training=True on into the model.)",
        changes=(
            (
                "    network.trainable = True\n",
                "    for layer in network.layers:\n"
                "        layer.trainable = not isinstance(layer, "
                "keras.layers.BatchNormalization)\n",
            ),
            ("        keras.layers.Rescaling(1 / 255),\n", ""),
        ),
    ),
    14: Answer(
        (
            "From the end to the beginning: what is the answer, and what is the loss? "
            "Is a 9 nearer to an 8 than to a"
            " 4?",
            "A class is no quantity: ten outputs and a cross-entropy. Then: after how "
            "many updates is the learning "
            "rate at zero, and how many are there?",
            "And before training, all weights of a layer are 0.01: all of its units "
            "compute the same, get the same "
            "gradient, and stay the same.",
        ),
        "Three mistakes. The squared error asks for a number near the label, as if "
        "digits were quantities: between a "
        "3 and an 8 it answers 5. The schedule counts the updates of one epoch instead "
        "of all, so that nine epochs "
        "learn nothing. And equal weights make a layer of 128 units one unit. Repair "
        "them from the loss backwards, "
        "and look after each repair at what has become better, even if it is little.",
        changes=(
            ("keras.layers.Dense(1, ", "keras.layers.Dense(10, "),
            (
                '    model.compile(keras.optimizers.Adam(schedule), "mse", '
                'metrics=["accuracy"])\n',
                "    loss = "
                "keras.losses.SparseCategoricalCrossentropy(from_logits=True)\n"
                "    model.compile(keras.optimizers.Adam(schedule), loss, "
                'metrics=["accuracy"])\n',
            ),
            ("decay_steps=updates\n", "decay_steps=config.epochs * updates\n"),
            (
                "    initializer = keras.initializers.Constant(0.01)\n",
                '    initializer = "he_normal"\n',
            ),
        ),
    ),
    15: Answer(
        (
            "The loss is that of an answer that does not depend on the message. What "
            "differs between two messages where the network reads last?",
            "A message has a dozen words, and the network reads 100 numbers. What are "
            "the others, and what do 88 equal steps do to the state of an LSTM?",
            "0 stands for no word. A layer can say at which places there is none, and "
            "the layers after it skip these: what does mask_zero of Embedding do?",
        ),
        "The padding is read as if it were text. Every message ends with dozens of "
        "zeros, and at each of them the network forgets a little of the words: its "
        "last state is nearly the same for all messages, and the gradient that comes "
        "back through these steps is next to nothing. With mask_zero=True the "
        "embedding passes a mask on, and the LSTM keeps its state where there is no "
        "word. An average needs the mask too: without it, a dozen words are diluted by "
        "88 zeros. Padding at the front would help an LSTM, but not an average.",
        changes=(
            (
                "Embedding(reader.vocabulary_size(), 16),",
                "Embedding(reader.vocabulary_size(), 16, mask_zero=True),",
            ),
        ),
    ),
    16: Answer(
        (
            "The network is not at fault: it learns what it can. Which reviews is the "
            "validation accuracy measured on?",
            "How many different texts are there in `texts`? Compare with "
            "np.unique(texts).",
            "Half of the lines are there twice or more. A random split gives one copy "
            "to the training and another one to the validation.",
        ),
        "The same reviews stand on both sides of the split. Most validation reviews "
        "have a copy that the network was trained on, with its label: there the "
        "validation tests its memory. Leave duplicates out before the split; or split "
        "the different texts, and let all copies go where theirs goes. Texts that "
        "differ in a blank or a full stop are duplicates as well. Drawing a rare class "
        "several times before the split does the same harm, and so does augmentation.",
        changes=(
            (
                "    texts, labels = dataset.train\n",
                "    texts, first = np.unique(dataset.train.x, return_index=True)\n"
                "    labels = dataset.train.y[first]\n",
            ),
        ),
    ),
    17: Answer(
        (
            "No validation message is trained on, but something in the script has seen "
            "them all. Which layer learns without `fit`?",
            "reader.adapt(texts) makes every word of the validation messages a known "
            "one. In new messages, one word in five is unknown.",
            "Adapt to the training messages alone. And if all of their words are "
            "known, the vector of unknown words is never trained: let the filter know "
            "fewer, with --words.",
        ),
        "The vocabulary was made from all messages, those held out included. Each of "
        "their words had a vector of its own. In use, all unknown words share one "
        "vector, number 1. No training message had an unknown "
        "word, so this vector stayed as it was drawn, and pushes the answers in a "
        "direction that chance chose. The validation could not show it. Whatever is "
        "fitted to data (a vocabulary, a mean, a scaling) is fitted to the training "
        "split alone. That makes the figure honest. The filter becomes better with "
        "--words 1000: rare words of the training messages are unknown then, and the "
        "network learns what an unknown word says.",
        flags=("--words", "1000"),
        changes=(
            ("    reader.adapt(tf.constant(texts))\n", ""),
            (
                "    validation, training = np.split(order, [len(order) // 3])\n",
                "    validation, training = np.split(order, [len(order) // 3])\n"
                "    reader.adapt(tf.constant(texts[training]))\n",
            ),
        ),
    ),
    18: Answer(
        (
            "The network learns what it is given: loss and IoU are as good for "
            "validation scenes. The IoU of `fit` compares the answers with the "
            "targets. Which IoU compares them with the digits?",
            "In the pictures, an answer is right where the digit lies on the line "
            "from the top left to the bottom right corner. To a digit at the top "
            "right, the answer lies at the bottom left. Draw a target of `fit` over "
            "its scene: it lies there, too.",
            "A mask has the shape (height, width). In which order does np.nonzero "
            "give the indices of what is marked, and which of them is x?",
        ),
        "x and y are exchanged in the targets. The first axis of an array counts "
        "rows, from top to bottom: that is y. So np.nonzero gives y first, then x, "
        "whereas boxes name x first. The network learns boxes that are mirrored at "
        "the diagonal as easily as right ones, and the IoU of `fit` measures it by "
        "the same mistake: mirror both boxes, and the IoU stays as it is. What is "
        "computed from the targets cannot show a mistake in them. Draw the targets "
        "over the pictures before the first training, and pictures that are not "
        "square: there, the mistake often ends in boxes outside the picture.",
        changes=(("x, y = np.nonzero(mask)", "y, x = np.nonzero(mask)"),),
    ),
    19: Answer(
        (
            "One place in a hundred is a center. Compare loss and accuracy with those "
            "of the answer 1 % at each place, then forget them: how hot does the "
            "network become where a digit is?",
            "It is not blind: the heat is highest near the centers, but it is spread "
            "over several places. The network sees the center only to a few pixels. "
            "In the target, what is the difference between the place beside the "
            "center and a corner of the scene?",
            "None: both are wrong. So the best that a network can say of each place "
            "is how probable it is that the center is in this one. Let the target say "
            "how near the center is: 1 there, and less and less around it.",
        ),
        "The target is hot at one place only. With the cross-entropy, the best answer "
        "at a place is the probability that the center is in this very place. Where "
        "the network knows it to two or four places, none of them can have 0.5. "
        "Around that, hundreds of places that are easily said to be empty make the "
        "mean loss tiny and the accuracy high, whatever happens at the centers. With "
        "a Gaussian around each center, the place beside it is nearly as right, and "
        "the heat of a digit adds up to a peak.",
        changes=(
            (
                "    across = np.float32(x == PLACES)  # (n, most, 32)\n",
                "    across = np.exp(-((x - PLACES) ** 2) / 8)  # (n, most, 32)\n",
            ),
            (
                "    down = np.float32(y == PLACES)\n",
                "    down = np.exp(-((y - PLACES) ** 2) / 8)\n",
            ),
        ),
    ),
    20: Answer(
        (
            "A loss of 0.00 says that the network knows every next character for "
            "certain. No reader of a text does: what the network is asked for must be "
            "easier than it seems.",
            "Print the first window and its targets below each other, as text. At "
            "which place does the network first read what it is to say there?",
            "The target of a place must be the character after the one that is read "
            "there. Which of the 33 characters are read, and which are to be said?",
        ),
        "The targets are not shifted. At each place, the network is asked for the very "
        "character that it has just read, and to repeat it is learned at once. The "
        "validation has the same fault, so it sees nothing. A loss that is too good to "
        "be true is a finding like one that does not fall: compare it with what could "
        "be reached at best.",
        changes=(
            (
                "    return whole[:, :-1], whole[:, :-1]\n",
                "    return whole[:, :-1], whole[:, 1:]\n",
            ),
        ),
    ),
    21: Answer(
        (
            "The network learns what it is given, for validation scenes as well. "
            "Look at the pictures: a 7 has a rim of other classes. Draw what `fit` is "
            "given, as classes, beside the mask that it was made from.",
            "Which classes are in dataset.train.y, and which in what shrink makes of "
            "it? Use np.unique.",
            "A place stands for 2 x 2 pixels. At the edge of a 7, half of them are 0 "
            "and half are 7. What is their mean, and which class has that number?",
        ),
        "The masks are made smaller like photographs, by interpolation. That is right "
        "for brightness: between black and white there is gray. The number of a class "
        "is only a name: between the background, 0, and a 7 there is no class 3 or 4. "
        "All around each digit, places get classes that no scene has, and thin strokes "
        "are nothing but edge. The accuracy hardly suffers, since most places are "
        "background, and the validation has the same rims. Classes are taken over from "
        "the nearest pixel, or from most of the pixels, never averaged. The same goes "
        "for turning or enlarging masks, and for saving them as JPEG.",
        changes=(
            (
                '        interpolation="bilinear",\n',
                '        interpolation="nearest",\n',
            ),
        ),
    ),
    22: Answer(
        (
            "Half of the characters of a text can be guessed, and `fit` reports nearly "
            "all of them. So what is to be guessed is known to the network. The "
            "targets of a place are right: they are what comes next. Where else does "
            "the next character stand?",
            "It is read one place further. A GRU reads from left to right, and cannot "
            "know it yet. Which places does a place of an attention layer take from?",
            "From all of them, if nothing else is said. Each place must be kept from "
            "those after it: look for causal among the arguments with which "
            "keras.layers.MultiHeadAttention is called.",
        ),
        "The causal mask is missing. All places of a window are read side by side, and "
        "each looks at the next one, copies what it finds there, and learns nothing of "
        "the language. Validation windows are whole windows as well, so they see "
        "nothing of it. Only the last place of a window has none after it; when a "
        "network writes, every text ends where it is, and there is nothing to copy. "
        "The mask gives the scores of all later places no weight. It has to be in "
        "every block: one without it is enough to pass on what is to come. The doctor "
        "finds nothing here: the loss falls, and training and validation agree. To "
        "see that this is too good, one has to know texts.",
        changes=(("(given, given)", "(given, given, use_causal_mask=True)"),),
    ),
}
