import gzip
import hashlib
import io
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from cirkit.benchmarks import fetch, sources
from cirkit.benchmarks.catalogue import CATALOGUE
from cirkit.benchmarks.fetch import DEAD, Patience, get, matches, picture_fault
from cirkit.benchmarks.sources import SOURCES, Addresses, File, Source, asins
from cirkit.errors import Problem

REAL = Path(__file__).parents[2].parent / "shared" / "data"
QUICK = Patience(tries=4, wait=0.005, timeout=2.0, seconds=10.0, largest=1 << 20)
BODY = bytes(range(256)) * 300


def git(content):
    return "git:" + hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def picture(colour="red", side=8):
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "JPEG")
    return buffer.getvalue()


class Script:
    """What the server does for one path: the content, and for each request in turn how to spoil it."""

    def __init__(self, content=BODY, *, spoil=(), ranges=True, tag=None, status=None, to=None, then=None):
        self.content, self.spoil, self.ranges = content, list(spoil), ranges  # spoil: cut after so many bytes, or "503"
        self.tag, self.status, self.to, self.then = tag, status, to, then


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        script = self.server.scripts.get(self.path)
        self.server.asked.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
        if script is None or script.status:
            self.send_error(script.status if script else 404)
            return
        if script.to:
            self.send_response(302)
            self.send_header("Location", script.to)
            self.end_headers()
            return
        if script.then:
            self.server.scripts[self.path] = script.then
        spoil = script.spoil.pop(0) if script.spoil else None
        if spoil in ("500", "503"):
            self.send_error(int(spoil))
            return
        content, start = script.content, 0
        wanted, condition = self.headers.get("Range"), self.headers.get("If-Range")
        if wanted and script.ranges and condition in (None, script.tag):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            shown = 0 if spoil == "other part" else start
            self.send_header("Content-Range", f"bytes {shown}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if script.tag:
            self.send_header("ETag", script.tag)
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if isinstance(spoil, int):
            body = body[:spoil]
        try:
            self.wfile.write(body)
        except OSError:
            return
        if isinstance(spoil, int):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_):
        return


@pytest.fixture
def web():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.scripts, server.asked = True, {}, []
    server.home = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def one(web, content=BODY, checksum=None, path="/a.json", destination="in/a.json"):
    file = File(destination, web.home + path, checksum or git(content), "CC BY 4.0")
    return {"x": Source(files=(file,), by_hand=("Ask the authors.",))}


def fetch_all(web, root, table, **keywords):
    return get("x", root, sources=table, patience=keywords.pop("patience", QUICK), workers=2, **keywords)


def leftovers(root):
    return [path for path in root.rglob(".*") if path.is_file()]


@pytest.mark.parametrize("checksum", [git, sha])
def test_a_pinned_file_is_fetched_once_and_then_kept(web, tmp_path, checksum):
    web.scripts["/a.json"] = Script()
    report = fetch_all(web, tmp_path, one(web, checksum=checksum(BODY)))
    assert report.fetched == ("in/a.json",) and (tmp_path / "in/a.json").read_bytes() == BODY
    again = fetch_all(web, tmp_path, one(web, checksum=checksum(BODY)))
    assert again.kept == ("in/a.json",) and not again.fetched and len(web.asked) == 1 and not leftovers(tmp_path)
    assert any("Ask the authors." in line for line in report.lines())
    assert any("CC BY 4.0" in line for line in report.lines())


def test_a_connection_that_is_cut_goes_on_where_it_stopped(web, tmp_path):
    web.scripts["/a.json"] = Script(spoil=[1000, 50_000], tag='"v1"')
    fetch_all(web, tmp_path, one(web))
    assert (tmp_path / "in/a.json").read_bytes() == BODY
    assert web.asked == [
        ("/a.json", None, None), ("/a.json", "bytes=1000-", '"v1"'), ("/a.json", "bytes=51000-", '"v1"'),
    ]  # fmt: skip


def test_a_content_that_changed_between_two_parts_comes_whole(web, tmp_path):
    new = Script(tag='"new"')
    web.scripts["/a.json"] = Script(b"old" * 900, spoil=[500], tag='"old"', then=new)
    fetch_all(web, tmp_path, one(web))
    assert (tmp_path / "in/a.json").read_bytes() == BODY
    assert [asked[1:] for asked in web.asked] == [(None, None), ("bytes=500-", '"old"')]


def test_a_run_that_was_stopped_goes_on_in_the_next(web, tmp_path):
    web.scripts["/a.json"] = Script()
    part = tmp_path / "in" / ".a.json.part"
    part.parent.mkdir()
    part.write_bytes(BODY[:7000])
    fetch_all(web, tmp_path, one(web))
    assert web.asked == [("/a.json", "bytes=7000-", None)] and (tmp_path / "in/a.json").read_bytes() == BODY


@pytest.mark.parametrize("beginning", [b"x" * 7000, BODY + b"more"])
def test_a_wrong_beginning_is_thrown_away_and_the_file_fetched_whole(web, tmp_path, beginning):
    web.scripts["/a.json"] = Script()
    part = tmp_path / "in" / ".a.json.part"
    part.parent.mkdir()
    part.write_bytes(beginning)
    fetch_all(web, tmp_path, one(web))
    assert (tmp_path / "in/a.json").read_bytes() == BODY and not leftovers(tmp_path)


def test_a_server_that_knows_no_parts_or_gives_another_sends_the_whole(web, tmp_path):
    web.scripts["/a.json"] = Script(spoil=[1000], ranges=False)
    fetch_all(web, tmp_path, one(web))
    assert (tmp_path / "in/a.json").read_bytes() == BODY
    web.scripts["/b.json"] = Script(spoil=[1000, "other part"])
    fetch_all(web, tmp_path, one(web, path="/b.json", destination="b.json"))
    assert (tmp_path / "b.json").read_bytes() == BODY


def test_busy_servers_are_asked_again_and_gone_pages_are_not(web, tmp_path):
    web.scripts["/a.json"] = Script(spoil=["503", "500"])
    assert fetch_all(web, tmp_path, one(web)).fetched and len(web.asked) == 3
    web.asked.clear()
    with pytest.raises(Problem, match="HTTP 404"):
        fetch_all(web, tmp_path, one(web, path="/none", destination="none"))
    assert len(web.asked) == 1
    web.asked.clear()
    web.scripts["/busy"] = Script(spoil=["503"] * 9)
    with pytest.raises(Problem, match="HTTP 503"):
        fetch_all(web, tmp_path, one(web, path="/busy", destination="busy"))
    assert len(web.asked) == QUICK.tries


def test_a_wrong_checksum_is_a_problem_and_leaves_nothing(web, tmp_path):
    web.scripts["/a.json"] = Script(b"something else")
    with pytest.raises(Problem, match="does not have the checksum git:"):
        fetch_all(web, tmp_path, one(web))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    with pytest.raises(Problem, match="no known kind"):
        fetch_all(web, tmp_path, one(web, checksum="md5:00"))


def test_of_several_files_the_good_ones_are_kept_when_one_fails(web, tmp_path):
    web.scripts |= {"/a": Script(), "/c": Script(b"c")}
    files = tuple(File(n, f"{web.home}/{n}", git(c), "MIT") for n, c in (("a", BODY), ("b", b"b"), ("c", b"c")))
    with pytest.raises(Problem, match="1 of 3 files of x"):
        fetch_all(web, tmp_path, {"x": Source(files=files)})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]
    web.scripts["/b"] = Script(b"b")
    report = fetch_all(web, tmp_path, {"x": Source(files=files)})
    assert report.fetched == ("b",) and report.kept == ("a", "c")


def test_a_file_that_differs_is_never_overwritten_and_a_packed_one_will_do(web, tmp_path):
    web.scripts["/a.json"] = Script()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.json").write_bytes(b"mine")
    with pytest.raises(Problem, match=r"a\.json differs from the pinned"):
        fetch_all(web, tmp_path, one(web))
    assert (tmp_path / "in/a.json").read_bytes() == b"mine"
    (tmp_path / "in/a.json").unlink()
    (tmp_path / "in/a.json.gz").write_bytes(gzip.compress(BODY))
    assert fetch_all(web, tmp_path, one(web)).kept == ("in/a.json",) and web.asked == []
    (tmp_path / "in/a.json.gz").write_bytes(b"no gzip")
    with pytest.raises(Problem, match="cannot be read"):
        fetch_all(web, tmp_path, one(web))


def test_more_than_there_should_be_and_too_slow_a_server_are_given_up(web, tmp_path):
    web.scripts["/a.json"] = Script()
    with pytest.raises(Problem, match="more than 1000 bytes"):
        fetch_all(web, tmp_path, one(web), patience=Patience(wait=0.01, timeout=2.0, largest=1000))
    with pytest.raises(Problem, match="not done within"):
        fetch_all(web, tmp_path, one(web), patience=Patience(wait=0.01, timeout=2.0, seconds=0.0))


@pytest.mark.parametrize(
    ("url", "says"),
    [("file:///etc/passwd", "no web address"), ("ftp://a/b", "no web address"), ("http://[bad/x", "no web address")],
)
def test_only_web_addresses_are_asked(web, tmp_path, url, says):
    table = {"x": Source(files=(File("a", url, git(b""), "MIT"),))}
    with pytest.raises(Problem, match=says):
        fetch_all(web, tmp_path, table)


def test_redirections_are_followed_on_the_web_and_nowhere_else(web, tmp_path):
    web.scripts |= {"/a.json": Script(to="/b"), "/b": Script(), "/c": Script(to="file:///etc/passwd")}
    assert fetch_all(web, tmp_path, one(web)).fetched
    with pytest.raises(Problem, match=r"no web address|HTTP 302"):
        fetch_all(web, tmp_path, one(web, path="/c", destination="c"))


@pytest.mark.parametrize("destination", ["../a", "/tmp/a", "out/a"])
def test_nothing_is_written_out_of_the_root(web, tmp_path, destination):
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path)
    web.scripts["/a.json"] = Script()
    with pytest.raises(Problem, match="leaves"):
        fetch_all(web, root, one(web, destination=destination))
    assert web.asked == []


def listed(web, names):
    """A source with a pinned list of pictures in FashionIQ's form."""
    text = "".join(f"{name} \t {web.home}/{name}.jpg\n" for name in names).encode()
    web.scripts["/list.txt"] = Script(text)
    file = File("list.txt", web.home + "/list.txt", git(text), "none stated")
    return {"x": Source(files=(file,), images=Addresses(("list.txt", "absent.txt"), asins))}


def test_pictures_are_fetched_and_dead_links_listed_with_their_reasons(web, tmp_path):
    names = [f"B0000000{i:02d}" for i in range(8)]
    table = listed(web, names)
    good = {f"/{name}.jpg": Script(picture()) for name in names[:4]}
    web.scripts |= good | {
        f"/{names[4]}.jpg": Script(b"<html>Not here any more</html>"),
        f"/{names[5]}.jpg": Script(picture(side=1)),
        f"/{names[6]}.jpg": Script(status=410),
    }
    report = fetch_all(web, tmp_path, table)
    assert report.fetched == ("list.txt", *(f"images/{name}.jpg" for name in names[:4]))
    lines = [line.split("\t") for line in (tmp_path / DEAD).read_text().splitlines()]
    assert [(line[0], line[2]) for line in lines] == [
        (f"images/{names[4]}.jpg", "no picture (UnidentifiedImageError)"),
        (f"images/{names[5]}.jpg", "a blank of 1 x 1 pixels"),
        (f"images/{names[6]}.jpg", "HTTP 410"),
        (f"images/{names[7]}.jpg", "HTTP 404"),
    ]
    assert any("4 dead links" in line for line in report.lines()) and not leftovers(tmp_path)

    web.asked.clear()
    web.scripts[f"/{names[7]}.jpg"] = Script(picture("blue"), spoil=[100])  # back again, and cut once
    again = fetch_all(web, tmp_path, table)
    assert again.fetched == (f"images/{names[7]}.jpg",) and len(again.kept) == 5 and len(again.dead) == 3
    assert not any(path in good for path, _, _ in web.asked)
    assert (tmp_path / "images" / f"{names[7]}.jpg").read_bytes() == picture("blue")
    for name in names[4:7]:
        web.scripts[f"/{name}.jpg"] = Script(picture())
    assert not fetch_all(web, tmp_path, table).dead and (tmp_path / DEAD).read_text() == ""


def test_without_a_network_it_stops_soon(web, tmp_path, monkeypatch):
    table = listed(web, [f"B0000000{i:02d}" for i in range(30)])
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    text = (tmp_path / "list.txt").parent
    fetch_all(web, text, {"x": Source(files=table["x"].files)})
    (tmp_path / "list.txt").write_text((tmp_path / "list.txt").read_text().replace(web.home, nowhere))
    monkeypatch.setattr(fetch, "SILENT", 5)
    with pytest.raises(Problem, match="5 addresses in a row did not answer"):
        fetch_all(web, tmp_path, {"x": Source(images=table["x"].images)}, patience=Patience(tries=1, timeout=1.0))


def test_an_unknown_name_and_an_unwritable_root_are_problems(tmp_path, web):
    with pytest.raises(Problem, match=r"no source for 'imagenet'.*fashioniq"):
        get("imagenet", tmp_path)
    (tmp_path / "file").write_text("")
    web.scripts["/a.json"] = Script()
    with pytest.raises(Problem, match=r"Cannot write|leaves"):
        fetch_all(web, tmp_path / "file", one(web))


def test_what_must_be_asked_for_by_hand_is_said_without_touching_the_network(tmp_path):
    report = get("cuhk-pedes", tmp_path / "none")
    assert report.fetched == report.kept == () and "Write to the authors" in " ".join(report.lines())
    assert not (tmp_path / "none").exists()


def test_every_source_is_pinned_to_a_commit_and_stays_below_its_root():
    assert set(SOURCES) == set(CATALOGUE)  # every benchmark has one, under its name
    for name, source in SOURCES.items():
        assert source.files or source.by_hand, name
        destinations = [file.destination for file in source.files]
        assert len(set(destinations)) == len(destinations)
        for file in source.files:
            host, owner, repository, commit, *path = file.url.removeprefix("https://").split("/")
            assert host == "raw.githubusercontent.com" and len(commit) == 40 and owner and repository and path
            assert file.checksum.startswith("git:") and len(file.checksum) == 44 and file.licence
            assert not file.destination.startswith(("/", ".")) and ".." not in file.destination
        if source.images:
            assert all(each in destinations or name == "textvqa" for each in source.images.lists)


def test_lists_of_addresses_are_read_in_their_three_forms(tmp_path):
    (tmp_path / "a.txt").write_text(
        "B00014NGF6 \t http://a/b.jpg\nbad line here\n../../etc http://a\n9830019934 http://c\n"
    )
    assert asins(tmp_path / "a.txt") == [
        ("images/B00014NGF6.jpg", "http://a/b.jpg"), ("images/9830019934.jpg", "http://c"),
    ]  # fmt: skip
    (tmp_path / "c.json").write_text(json.dumps({"images": [{"file_name": "1.jpg", "coco_url": "http://c/1.jpg"}]}))
    assert sources.coco(tmp_path / "c.json") == [("val2017/1.jpg", "http://c/1.jpg")]
    record = {"image_id": "ab", "flickr_300k_url": "http://f/x"}
    (tmp_path / "TextVQA_0.5.1_test.json").write_text(json.dumps({"data": [record, record]}))
    assert sources.textvqa(tmp_path / "TextVQA_0.5.1_test.json") == [("test_images/ab.jpg", "http://f/x")]
    (tmp_path / "c.json").write_text(json.dumps({"images": [{"file_name": "1.jpg"}]}))
    with pytest.raises(Problem, match="no 'coco_url'"):
        sources.coco(tmp_path / "c.json")


def test_checksums_are_gits_and_sha256(tmp_path):
    path = tmp_path / "hello"
    path.write_bytes(b"hello\n")
    assert matches(path, "git:ce013625030ba8dba906f756967f9e9ca394464a")  # git hash-object
    assert matches(path, "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")
    assert not matches(path, "git:" + "0" * 40)
    path.write_bytes(picture())
    assert picture_fault(path) is None


@pytest.mark.skipif(not REAL.exists(), reason="the real files are not here")
def test_the_checksums_are_those_of_the_real_files():
    found = 0
    for name, source in SOURCES.items():
        for file in source.files:
            path = REAL / {"captions": "flickr30k"}.get(name, name.replace("-", "_")) / file.destination
            packed = path.with_name(f"{path.name}.gz")
            if path.exists() or packed.exists():
                assert matches(path if path.exists() else packed, file.checksum, unpack=not path.exists()), path
                found += 1
    assert found == 80
    assert len(asins(REAL / "fashioniq/image_url/asin2url.dress.txt")) == 19087
    assert len(sources.coco(REAL / "coco/captions_val2017.json")) == 5000
