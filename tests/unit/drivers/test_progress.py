from caas.drivers.image.progress import INTERVAL, Progress, Sending

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
SIZES = {A: 30_000_000, B: 9_400_000, C: 600_000}


def line(digest: str, status: str, current: int | None = None) -> dict:
    detail = {} if current is None else {"current": current, "total": 1}
    return {"id": digest[7:19], "status": status, "progressDetail": detail}


class Told:
    def __init__(self, sizes: dict[str, int]) -> None:
        self.sizes = sizes
        self.said: list[str] = []
        self.now = 0.0
        self._progress = Progress(self.said.append)

    def take(self, about: dict, after: float = INTERVAL) -> str:
        self.now += after
        self._progress.take(about, self.sizes, self.now)
        return self.said[-1] if self.said else ""


def test_only_what_is_missing_counts():
    told = Told(SIZES)

    def take(*args: object) -> str:
        return told.take(line(*args))

    assert take(A, "Pulling fs layer").startswith("downloading: 0.0 of 40 MB")
    said = take(A, "Already exists")
    assert said == "downloading: 0.0 of 10 MB, 1 of 3 layers"
    said = take(B, "Downloading", 4_700_000)
    assert said == "downloading: 4.7 of 10 MB, 1 of 3 layers"
    take(B, "Download complete")
    # bytes of the engine's own count may be more than those stored
    assert take(C, "Downloading", 700_000).startswith("unpacking: 1 of 3")
    take(B, "Extracting", 10)
    assert take(B, "Pull complete") == "unpacking: 2 of 3 layers"
    assert take(C, "Pull complete") == "unpacking: 3 of 3 layers"


def test_all_are_there():
    assert Told({A: 5}).take(line(A, "Already exists")) == (
        "unpacking: 1 of 1 layers"
    )


def test_lines_about_something_else():
    told = Told({A: 5})
    for other in ({}, {"status": "Digest: sha256:x"}, {"id": "latest"}):
        said = told.take(other)
        assert said == "downloading: 0.0 of 0.0 MB, 0 of 1 layers"


def test_nothing_is_known_yet():
    assert Told({}).take(line(A, "Pulling fs layer")) == ""


def test_why_nothing_comes():
    told = Told(SIZES)
    told.take(line(A, "Downloading", 1_000_000))
    told._progress.hitch("the registry cannot be reached")
    said = "downloading: 1.0 of 40 MB, 0 of 3 layers"
    assert told.said[-1] == f"{said}; the registry cannot be reached"
    # engines go on talking
    assert told.take(line(A, "Downloading", 1_000_000)) == told.said[-2]
    told._progress.hitch("")
    assert told.said[-1] == said


def test_not_each_byte_is_news():
    told = Told(SIZES)
    told.take(line(B, "Downloading", 1_000_000))
    told.take(line(B, "Downloading", 2_000_000), after=0.1)
    assert len(told.said) == 1
    # a layer is
    told.take(line(C, "Already exists"), after=0.1)
    assert told.said[-1] == "downloading: 2.0 of 39 MB, 1 of 3 layers"
    assert told.take(line(B, "Downloading", 3_000_000)) != told.said[-2]


def test_a_push_counts_what_goes() -> None:
    said: list[str] = []
    sending = Sending(said.append)
    for number, (which, status, current, total) in enumerate(
        (
            ("a", "Preparing", None, None),
            ("b", "Layer already exists", None, None),
            ("a", "Pushing", 1_000_000, 30_000_000),
            ("c", "Pushing", 2_000_000, 2_000_000),
            ("a", "Pushing", 31_000_000, 30_000_000),
            ("c", "Pushed", None, None),
        )
    ):
        detail = {"current": current, "total": total} if total else {}
        about = {"id": which, "status": status, "progressDetail": detail}
        sending.take(about, number * INTERVAL)
        # not of each byte
        sending.take(about, number * INTERVAL)
    assert said == [
        "pushed 1.0 of 30 MB",
        "pushed 3.0 of 32 MB",
        "pushed 32 of 32 MB",
        "pushed 32 of 32 MB",
    ]
