import json
import subprocess
import sys

import pytest

from monitor.cli import code_of

METALS = """desk: Metals
rules:
  Kazakhmys:
    any: [Kazakhmys, Казахмыс*]
    to: metals
    tests:
      alert: [Kazakhmys halts a smelter, На шахте Казахмыса авария]
      ignore: [Казах мыслит иначе]
  KTZ:
    any: [KTZ]
    none: [fashion]
    tests: {alert: [KTZ adds trains], ignore: [KTZ at fashion week]}
"""
MONITOR = (
    "receivers: {metals: {print: true}}\ndefault_receivers: [metals]\nops_receiver: metals\nrules: rules/\n"
)


@pytest.fixture
def newsroom(tmp_path, monkeypatch):
    """A folder with a rule file, without a workspace."""
    monkeypatch.delenv("MONITOR_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "metals.yaml").write_text(METALS)
    return tmp_path


def answer(capsys, *arguments):
    """The exit code, and what came on standard output and standard error."""
    code = code_of(["rules", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_check_is_silent_about_good_rules(newsroom, capsys):
    code, out, err = answer(capsys, "check", "rules")
    assert (code, out) == (0, "")
    assert "2 rules in 1 files, 5 samples: no problems" in err


def test_check_says_every_problem_and_fails(newsroom, capsys):
    (newsroom / "rules" / "bad.yaml").write_text("rules:\n  A: {anny: gold}\n  B: re*\n")
    code, out, _ = answer(capsys, "check", "rules")
    assert code == 1
    assert "rules/bad.yaml:2:7: there is no key 'anny' - did you mean 'any'?\n" in out
    assert (
        "rules/bad.yaml:3:6: 're*' would match far too much - give at least 3 letters before the *\n" in out
    )


def test_check_tries_the_samples(newsroom, capsys):
    (newsroom / "rules" / "metals.yaml").write_text(METALS.replace("KTZ adds trains", "KTZ and fashion"))
    code, out, _ = answer(capsys, "check", "rules")
    assert code == 1
    assert out == (
        "rules/metals.yaml:12:21: test failed: rule 'KTZ' is silent on 'KTZ and fashion' - "
        "found 'KTZ'; 'fashion' must be absent (line 11)\n"
    )


def test_warnings_alone_are_fine(newsroom, capsys):
    (newsroom / "one.yaml").write_text("rules: {A: gold}")
    code, out, _ = answer(capsys, "check", "one.yaml")
    assert code == 0
    assert out.startswith("one.yaml:1:9: warning: the rule 'A' has no sample that must alert")


def test_check_answers_with_json(newsroom, capsys):
    (newsroom / "one.yaml").write_text("rules: {A: {any: gold, priorty: low}}")
    code, out, _ = answer(capsys, "check", "one.yaml", "--json")
    assert code == 1
    assert {
        "file": "one.yaml", "line": 1, "column": 24, "severity": "error",
        "message": "there is no key 'priorty'", "hint": "did you mean 'priority'?",
    } in json.loads(out)  # fmt: skip
    assert {problem["severity"] for problem in json.loads(out)} == {"error", "warning"}
    code, out, _ = answer(capsys, "check", "rules", "--json")
    assert (code, json.loads(out)) == (0, [])


def test_a_path_that_is_not_there_is_wrong_use(newsroom, capsys):
    assert answer(capsys, "check", "nothing.yaml")[0] == 2
    assert answer(capsys, "match", "--rules", "nothing.yaml")[0] == 2
    assert answer(capsys, "match", "--rules", "rules", "--stories", "nothing.jsonl")[0] == 2


def test_without_a_path_the_rules_of_the_workspace_are_meant(newsroom, capsys):
    assert answer(capsys, "check")[0] == 2
    (newsroom / "monitor.yaml").write_text(MONITOR)
    code, out, err = answer(capsys, "check")
    assert (code, out) == (0, "")
    assert "2 rules" in err


def test_the_receivers_of_a_workspace_are_known(newsroom, capsys):
    (newsroom / "monitor.yaml").write_text(MONITOR.replace("metals", "metal"))
    for arguments in ((), ("rules",)):
        code, out, _ = answer(capsys, "check", *arguments)
        assert code == 1
        assert out == "rules/metals.yaml:5:9: there is no receiver 'metals' - did you mean 'metal'?\n"


def test_test_tries_the_samples(newsroom, capsys):
    code, out, err = answer(capsys, "test", "rules")
    assert (code, out) == (0, "")
    assert "5 samples in 2 rules: 0 failed" in err
    (newsroom / "rules" / "metals.yaml").write_text(METALS.replace("KTZ adds trains", "trains"))
    code, out, _ = answer(capsys, "test", "rules")
    assert code == 1
    assert "rule 'KTZ' is silent on 'trains' - nothing of: KTZ" in out


def test_test_answers_with_json(newsroom, capsys):
    code, out, _ = answer(capsys, "test", "rules", "--json")
    assert code == 0
    results = json.loads(out)
    assert len(results) == 5
    assert results[2] == {
        "rule": "Kazakhmys", "sample": "Казах мыслит иначе", "expected": False, "met": False, "passed": True,
        "why": None, "file": "rules/metals.yaml", "line": 8, "column": 16,
    }  # fmt: skip


def matched(newsroom, capsys, *lines):
    data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    (newsroom / "stories.jsonl").write_bytes(data)
    code, out, _ = answer(capsys, "match", "--rules", "rules", "--stories", "stories.jsonl")
    return code, [json.loads(line) for line in out.splitlines()]


def test_match_answers_every_story_with_the_rules_that_hold(newsroom, capsys):
    code, answers = matched(
        newsroom, capsys,
        {"id": "a", "title": "KTZ and Kazakhmys", "text": "На шахте «Казахмыса» тихо"},
        {"id": 7, "summary": "nothing", "published_at": "2026-03-02T12:00:00Z", "category": "extra"},
    )  # fmt: skip
    assert code == 0
    assert answers == [
        {"id": "a", "rules": [
            {"rule": "Kazakhmys", "evidence": [
                {"field": "title", "start": 8, "end": 17, "text": "Kazakhmys", "line": 4},
                {"field": "text", "start": 10, "end": 19, "text": "Казахмыса", "line": 4},
            ]},
            {"rule": "KTZ", "evidence": [{"field": "title", "start": 0, "end": 3, "text": "KTZ", "line": 10}]},
        ]},
        {"id": 7, "rules": []},
    ]  # fmt: skip


def test_a_bad_line_is_answered_and_the_run_goes_on(newsroom, capsys):
    code, answers = matched(
        newsroom, capsys, b"{", b"", b"[1]", b'{"id": "x"}', b'{"title": "KTZ"}', b'{"id": 1, "title": 5}',
        b'{"id": true, "title": "KTZ"}', b'\xff{"id": 1}', b"[" * 100_000, {"id": "good", "title": "KTZ"},
    )  # fmt: skip
    assert code == 1
    assert [item.get("line") for item in answers] == [1, 2, 3, 4, 5, 6, 7, 8, 9, None]
    assert all(item["error"] for item in answers[:-1])
    assert answers[-1]["rules"][0]["rule"] == "KTZ"


def test_lone_surrogates_and_byte_order_marks_do_no_harm(newsroom, capsys):
    code, answers = matched(newsroom, capsys, b'\xef\xbb\xbf{"id": "\\udc00", "title": "a \\ud83d KTZ"}')
    assert code == 0
    assert answers[0]["id"] == "\udc00"
    assert answers[0]["rules"][0]["evidence"][0]["start"] == 4


def test_rules_with_errors_match_nothing(newsroom, capsys):
    (newsroom / "rules" / "bad.yaml").write_text("rules: {A: re*}")
    (newsroom / "stories.jsonl").write_text('{"id": 1, "title": "KTZ"}')
    code, out, err = answer(capsys, "match", "--rules", "rules", "--stories", "stories.jsonl")
    assert (code, out) == (1, "")
    assert "bad.yaml:1:12" in err


def test_match_answers_a_story_before_the_next_one_comes(newsroom):
    command = [sys.executable, "-m", "monitor", "rules", "match", "--rules", "rules"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for name in ("first", "second"):
            process.stdin.write(json.dumps({"id": name, "title": "KTZ"}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == name
        process.stdin.close()
        assert process.wait() == 0


def test_explain_says_of_each_rule_why(newsroom, capsys):
    code, out, _ = answer(capsys, "explain", "KTZ at fashion week", "--rules", "rules")
    assert code == 0
    assert out.splitlines() == [
        "-     Kazakhmys: nothing of: Kazakhmys, Казахмыс*",
        "-     KTZ: found 'KTZ'; 'fashion' must be absent (line 11)",
    ]
    code, out, _ = answer(capsys, "explain", "KTZ adds trains", "--rules", "rules", "--rule", "KTZ")
    assert (code, out) == (0, "ALERT KTZ: found 'KTZ'\n")


def test_explain_reads_json_and_answers_with_it(newsroom, capsys):
    story = json.dumps({"title": "A mine", "text": "Kazakhmys"})
    code, out, _ = answer(capsys, "explain", story, "--rules", "rules", "--json")
    assert code == 0
    assert json.loads(out)[0] == {
        "rule": "Kazakhmys",
        "alert": True,
        "found": [{"field": "text", "start": 0, "end": 9, "text": "Kazakhmys", "line": 4}],
        "failed": [],
        "stopped": [],
    }
    assert json.loads(out)[1]["failed"] == ["nothing of: KTZ"]


def test_explain_refuses_what_it_cannot_use(newsroom, capsys):
    code, _, err = answer(capsys, "explain", "KTZ", "--rules", "rules", "--rule", "KTS")
    assert code == 2
    assert "there is no rule 'KTS' - did you mean 'KTZ'?" in err
    assert answer(capsys, "explain", "{", "--rules", "rules")[0] == 2
    assert answer(capsys, "explain", " ", "--rules", "rules")[0] == 2


def test_a_story_that_is_not_stored_is_said_to_be_so(newsroom, capsys):
    (newsroom / "monitor.yaml").write_text(MONITOR)
    code, out, err = answer(capsys, "explain", "https://news.example/ktz")
    assert (code, out) == (1, "")
    assert "no story is stored under https://news.example/ktz" in err
