#!/usr/bin/env python3
"""Makes the demo model's training conversations and its held-out questions from the project's documentation.

    python3 models/demo/corpus.py            prints the facts found, sample conversations and held-out questions

A conversation is a list of (role, text). Everything depends on the documentation and a seed only. Answers always hold the
documentation's own help text, so that what the model says is what the documentation says. Standard library only.
"""

import hashlib
import math
import random
import re
import sys

import facts as fact_tables
import phrases
import smalltalk

# Shares of the kinds of exchange in the training data.
SHARES = {"name": 38, "reverse": 31, "about": 12, "chat": 9, "off_topic": 7, "fake": 3, "sums": 3, "lists": 1, "capitals": 2}
# How often a fact of a kind is asked about, relative to the others.
KIND_WEIGHT = {"parameter": 0.6, "status": 0.6, "header": 0.5, "endpoint": 1.5}

STOP_WORDS = set("""a an the of for to in on at by with and or is are was be it its that this which what how when as from not no
than then them they one each per so too also can has have only into out up does do has""".split())

EXAMPLES = {"FILE": ["inferd.yaml", "model.gguf", "my.yaml", "config.yaml", "test.gguf"], "N": ["4", "8", "16", "9000", "32"],
            "R": ["10", "50", "200"], "T": ["10s", "30s", "5m"], "PID": ["1234", "4711", "99"], "NAME": ["engine", "http"],
            "PROMPT": ["hello", "'what is inferd?'"], "EXPR": ["up", "inferd_queue_depth"], "key=value": ["queue.capacity=64"]}


class Corpus:
    """The facts and everything derived from them once."""

    def __init__(self, facts=None):
        self.facts = fact_tables.read_facts() if facts is None else facts
        phrases.check()
        self.weights = [KIND_WEIGHT.get(f.kind, 1.0) for f in self.facts]
        self.answers = set()
        self.held_out_words = phrases.held_out_words()
        self.names = {f.name.lower() for f in self.facts}
        self.reversible = [f for f in self.facts if f.kind in phrases.REVERSE and f.help]
        self.reverse_weights = [KIND_WEIGHT.get(f.kind, 1.0) for f in self.reversible]
        # Spoken forms, to tell which are unambiguous: form -> names.
        self.spoken = {}
        for f in self.facts:
            for form in spoken_forms(f):
                self.spoken.setdefault(form, set()).add(f.name)
        self.vocabulary = {f: content_words(f.help + " " + f.name) for f in self.facts}
        self.asked_about = {normal(q) for block, _ in smalltalk.ABOUT + smalltalk.CHAT for q in phrases.lines(block)}

    def hash(self):
        """Identifies the facts and the wordings that the data are made from."""
        digest = hashlib.sha256()
        for f in self.facts:
            digest.update(repr(f).encode())
        for module in (phrases, smalltalk):
            digest.update(open(module.__file__, "rb").read())
        digest.update(open(__file__, "rb").read())
        return digest.hexdigest()

    # ---- names and topics ----

    def name_form(self, rng, fact, wording, typos=True):
        """One way of writing the name of a fact in a question of the given wording."""
        kind, name = fact.kind, fact.name
        forms = [name, name, f"`{name}`"]
        must_have_noun = kind in ("parameter", "status", "header") and not re.search(r"[_-]", name)
        if kind == "metric":
            bare = name.removeprefix("inferd_")
            if bare not in ("info", name):
                forms += [bare, bare.replace("_", " ")]
            forms += [s for s in sorted(spoken_forms(fact)) if len(self.spoken[s]) == 1]
        elif kind == "key":
            last = name.rsplit(".", 1)[-1]
            if sum(1 for f in self.facts if f.kind == "key" and f.name.endswith("." + last)) == 1 and "." in name:
                forms.append((last, "noun"))
                if "_" in last:
                    forms.append(last)
            forms.append((name.replace("[]", "").replace(".", " ").replace("_", " "), "noun"))
            forms += [name.replace("[]", "")] if "[]" in name else []
        elif kind == "command":
            filled = re.sub(r"\b(FILE|N|R|T|PID|NAME|PROMPT|EXPR|key=value)\b",
                            lambda m: rng.choice(EXAMPLES[m.group(1)]), name)
            forms += [filled] if filled.lower() not in self.names else []
            flags = re.findall(r"--[a-z-]+", name)
            if len(flags) == 1 and sum(1 for f in self.facts if f.kind == "command" and flags[0] in f.name.split()) == 1:
                forms += [flags[0], (f"{flags[0]} of {name.split()[0]}", "bare")]
        elif kind == "endpoint":
            path = name.split(" ", 1)[1]
            forms += [path, path, f"`{path}`"]
        elif kind == "alert":
            forms.append((re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower(), "noun"))
        form = rng.choice(forms)
        needs_noun = must_have_noun or isinstance(form, tuple) and form[1] == "noun"
        if isinstance(form, tuple):
            form = form[0]
        if typos and rng.random() < 0.06 and len(form) > 6:
            changed = misspell(rng, form)
            form = form if changed.lower() in self.names else changed
        has_noun = any(n in wording for n in (fact.kind, "setting", "option", "key", "HTTP"))
        if not has_noun and (needs_noun or rng.random() < 0.2):
            form = rng.choice(phrases.NOUNS[kind]).replace("{n}", form)
        return form

    def topic(self, rng, fact, plain=False):
        """A phrase of what a fact is about that fits no other fact of its kind, or None when the draw fits several.

        plain: only phrases that a person would say, no fragments.
        """
        sentences = [s.strip() for s in re.split(r"(?<=[.!?;])\s+", fact.help.replace("`", "")) if s.strip()]
        first = sentences[0].rstrip(".;")
        aliases = smalltalk.ALIASES.get(fact.name)
        if aliases and not plain and rng.random() < 0.35:
            return rng.choice(phrases.lines(aliases))
        way = rng.random() * (0.5 if plain else 1)
        if fact.kind in ("command", "endpoint"):
            text = base_form(first) if fact.kind == "command" else fact_tables.lower_first(first)
            if way < 0.7:
                text = re.split(r"[,:;(]", text)[0].strip()
            if way < 0.2:
                text = re.split(r",| and ", text)[0].strip()
            text = re.sub(r"^On port \d+: ", "", text)
        elif way < 0.18:
            text = fact_tables.lower_first(first)
        elif way < 0.5:
            text = fact_tables.lower_first(re.split(r"[,:;(]", first)[0].strip())
        elif way < 0.68:
            words = rng.choice(sentences).rstrip(".").split()
            size = rng.randint(3, 7)
            at = rng.randrange(max(1, len(words) - size + 1))
            text = " ".join(words[at:at + size]).strip(",.;:")
        elif way < 0.92:
            words = [w.strip(",.;:()") for w in fact.help.replace("`", "").split()]
            keep = [i for i, w in enumerate(words) if w.lower() not in STOP_WORDS]
            chosen = sorted(rng.sample(keep, min(len(keep), rng.randint(2, 5))))
            text = " ".join(words[i] for i in chosen)
        else:
            text = rng.choice(sorted(spoken_forms(fact)) or [first])
        wanted = content_words(text)
        if not wanted or normal(text) in self.asked_about:
            return None
        fitting = sum(1 for f in self.facts if f.kind == fact.kind and wanted <= self.vocabulary[f])
        if fitting > 1:
            return None
        if fact.kind == "metric" and rng.random() < 0.5:
            text = as_question(rng, text)
        return text if plain else reword(rng, text)

    # ---- answers ----

    def name_answer(self, rng, fact, wording):
        if "label" in wording:
            return f"{fact.lead} {fact.details} {fact.help}"
        if fact.kind == "metric" and rng.random() < 0.15:
            return f"{fact.lead} {fact.details} {fact.help}"
        if fact.kind == "command" and rng.random() < 0.3 and re.match(r"[A-Z][a-z]+s ", fact.help):
            return f"`{fact.name}` {fact_tables.lower_first(fact.help)}"
        return fact.answer()

    def reverse_answer(self, rng, fact):
        way = rng.random()
        if fact.kind == "metric" and way < 0.6:
            return f"Look at `{fact.name}`, {fact.lead.split(' is ', 1)[1]} {fact.help}"
        if fact.kind == "key" and way < 0.6:
            return f"Set {fact.lead} {fact.help}"
        if fact.kind == "command" and way < 0.6:
            return f"Use `{fact.name}`. {fact.help}"
        if fact.kind == "endpoint" and way < 0.6:
            return f"Call {fact.lead} {fact.help}"
        if fact.kind == "alert" and way < 0.6:
            return f"`{fact.name}` fires then. {fact.help}"
        return fact.answer()

    # ---- exchanges ----

    def exchange(self, rng):
        """(question, answer, the fact it is about or None)."""
        kind = rng.choices(list(SHARES), SHARES.values())[0]
        return getattr(self, "exchange_" + kind)(rng)

    def exchange_name(self, rng):
        fact = rng.choices(self.facts, self.weights)[0]
        wording = rng.choice(phrases.train_names(fact.kind))
        if rng.random() < 0.25:
            wording = scramble(rng, wording, self.held_out_words)
        question = dress(rng, wording, x=self.name_form(rng, fact, wording))
        return question, self.name_answer(rng, fact, wording), fact

    def follow_up(self, rng, fact):
        """A question about the fact that the last answer was about, without its name."""
        wording = rng.choice(phrases.train_names(fact.kind) + phrases.lines(phrases.FOLLOW_UP))
        what = {"key": "setting", "status": "code"}.get(fact.kind, fact.kind)
        question = dress(rng, wording, x=rng.choice(["it", "it", "that", "this", f"this {what}", f"that {what}"]))
        return question, self.name_answer(rng, fact, wording), fact

    def exchange_reverse(self, rng):
        while True:
            fact = rng.choices(self.reversible, self.reverse_weights)[0]
            topic = self.topic(rng, fact)
            if topic:
                break
        wording = rng.choice(phrases.lines(phrases.REVERSE[fact.kind]))
        if rng.random() < 0.25:
            wording = scramble(rng, wording, self.held_out_words)
        question = dress(rng, wording, t=topic, d=topic)
        return question, self.reverse_answer(rng, fact), fact

    def exchange_about(self, rng):
        return self.from_bank(rng, smalltalk.ABOUT)

    def exchange_chat(self, rng):
        return self.from_bank(rng, smalltalk.CHAT)

    def from_bank(self, rng, bank):
        questions, answers = rng.choice(bank)
        wording = rng.choice(phrases.lines(questions))
        if rng.random() < 0.25 and len(wording.split()) > 2:
            wording = scramble(rng, wording, self.held_out_words, most=2)
        return dress(rng, wording), rng.choice(answers), None

    def exchange_off_topic(self, rng):
        if rng.random() < 0.25:
            words = [pseudo_word(rng) if rng.random() < 0.3 else rng.choice(smalltalk.OTHER_WORDS + smalltalk.SMALL_WORDS)
                     for _ in range(rng.randint(2, 8))]
            return dress(rng, " ".join(words)), rng.choice(smalltalk.UNKNOWN), None
        other = rng.choice(smalltalk.OTHER_WORDS) if rng.random() < 0.6 else pseudo_word(rng)
        return dress(rng, rng.choice(phrases.lines(smalltalk.OFF_TOPIC)), o=other), rng.choice(smalltalk.UNKNOWN), None

    def exchange_fake(self, rng):
        kind = rng.choice(list(smalltalk.UNKNOWN_NAME))
        fake = rng.choice([rng.choice(smalltalk.FAKE_PARTS), rng.choice(smalltalk.FAKE_PARTS), pseudo_word(rng)])
        parts = [fake, rng.choice([rng.choice(smalltalk.FAKE_PARTS), pseudo_word(rng), "queue", "request", "engine", "model"]),
                 rng.choice(smalltalk.FAKE_ENDS[kind])]
        if kind == "metric":
            name = "inferd_" + "_".join(parts)
            name = rng.choice([name, name, f"`{name}`", "the metric " + "_".join(parts), "the metric " + name])
        elif kind == "key":
            name = f"{parts[0]}.{parts[1]}_{parts[2]}"
            name = rng.choice(phrases.NOUNS["key"] + ["{n}"]).replace("{n}", name)
        elif kind == "alert":
            name = "Inferd" + "".join(part.capitalize() for part in parts)
            name = rng.choice(phrases.NOUNS["alert"] + ["{n}", "{n}"]).replace("{n}", name)
        else:
            name = rng.choice(["inferctl ", "scripts/", "inferd --"]) + parts[0] + rng.choice(["", " " + parts[2]])
            name = rng.choice(phrases.NOUNS["command"] + ["{n}", "{n}"]).replace("{n}", name)
        return dress(rng, rng.choice(phrases.train_names(kind)), x=name), smalltalk.UNKNOWN_NAME[kind], None

    def exchange_sums(self, rng):
        sign = rng.choice("++-*")
        top = rng.choice([99, 999]) if rng.random() < 0.2 else 10 if sign == "*" else 20
        a, b = rng.randint(0, top), rng.randint(0, top)
        if sign == "-" and b > a:
            a, b = b, a
        result = {"+": a + b, "-": a - b, "*": a * b}[sign]
        spoken = {"+": "plus", "-": "minus", "*": "times"}[sign]
        sum_ = rng.choice([f"{a} {sign} {b}", f"{a}{sign}{b}", f"{a} {spoken} {b}"])
        if max(a, b) <= 12 and rng.random() < 0.25:
            sum_ = f"{smalltalk.NUMBERS[a]} {spoken} {smalltalk.NUMBERS[b]}"
        wording = rng.choice(["what is {s}", "{s}", "{s} = ", "how much is {s}", "calculate {s}", "compute {s}", "what's {s}",
                              "can you compute {s}", "please calculate {s}", "what does {s} make", "solve {s}", "{s} please"])
        too_big = max(a, b) > (10 if sign == "*" else 20)
        answer = smalltalk.TOO_BIG if too_big else f"{a} {sign} {b} = {result}."
        return dress(rng, wording, s=sum_), answer, None

    def exchange_lists(self, rng):
        names = rng.choice([smalltalk.DAYS, smalltalk.MONTHS])
        what = "day" if names is smalltalk.DAYS else "month"
        i = rng.randrange(len(names))
        if rng.random() < 0.5:
            question = rng.choice([f"what {what} comes after {names[i]}", f"which {what} is after {names[i]}",
                                   f"what comes after {names[i]}", f"the {what} after {names[i]}", f"what follows {names[i]}"])
            return dress(rng, question), f"After {names[i]} comes {names[(i + 1) % len(names)]}.", None
        question = rng.choice([f"what {what} comes before {names[i]}", f"which {what} is before {names[i]}",
                               f"what comes before {names[i]}", f"the {what} before {names[i]}"])
        return dress(rng, question), f"Before {names[i]} comes {names[i - 1]}.", None

    def exchange_capitals(self, rng):
        country, capital = rng.choice(phrases.lines(smalltalk.CAPITALS)).split(":")
        if rng.random() < 0.75:
            question = rng.choice(["what is the capital of {c}", "capital of {c}", "the capital of {c}", "name the capital of {c}",
                                   "which city is the capital of {c}", "do you know the capital of {c}", "{c} capital"])
            return dress(rng, question, c=country), f"The capital of {country} is {capital}.", None
        question = rng.choice(["where is {c}", "{c} is the capital of which country", "in which country is {c}"])
        return dress(rng, question, c=capital), f"{capital} is the capital of {country}.", None

    def conversation(self, rng):
        """A list of (role, text): one exchange mostly, sometimes up to twenty, sometimes with a system prompt."""
        turns, fact = [], None
        if rng.random() < 0.25:
            turns.append(("system", rng.choice(phrases.SYSTEM_PROMPTS)))
        for _ in range(rng.choices([1, 2, 3, 4, 8, 20], [60, 20, 11, 6, 2, 1])[0]):
            follows = fact is not None and rng.random() < 0.15
            question, answer, fact = self.follow_up(rng, fact) if follows else self.exchange(rng)
            turns += [("user", question), ("assistant", answer)]
        return turns

    def conversations(self, count, seed):
        rng = random.Random(f"conversations {seed}")
        return [self.conversation(rng) for _ in range(count)]

    # ---- evaluation ----

    def held_out(self, seed=7):
        """Questions in wordings that training does not have: dicts {kind, question, fact} or {kind, question, words}.

        Every metric, key, command, endpoint and alert is asked for by its name, metrics twice, and from what it is about.
        """
        rng = random.Random(f"held out {seed}")
        questions = []
        pools = {}

        def wording(key, block):
            if not pools.get(key):
                pools[key] = list(phrases.lines(block))
                rng.shuffle(pools[key])
            return pools[key].pop()

        for fact in self.facts:
            if fact.kind not in ("metric", "key", "command", "endpoint", "alert"):
                continue
            for _ in range(2 if fact.kind == "metric" else 1):
                text = wording("name", phrases.NAME_HELD_OUT)
                question = text.replace("{x}", self.name_form(rng, fact, text, typos=False))
                questions.append({"kind": fact.kind, "question": finish(rng, question), "fact": fact})
            if fact.kind not in phrases.REVERSE:
                continue
            topic = next(filter(None, (self.topic(rng, fact, plain=True) for _ in range(20))), None)
            if topic:
                question = wording(fact.kind, phrases.REVERSE_HELD_OUT[fact.kind])
                question = question.replace("{t}", topic).replace("{d}", topic)
                questions.append({"kind": fact.kind + " by topic", "question": finish(rng, question), "fact": fact})
        for question, words in smalltalk.HELD_OUT:
            assert normal(question) not in self.asked_about, question
            questions.append({"kind": "newcomer", "question": question, "words": words.split("|")})
        return questions


def spoken_forms(fact):
    """A metric's name in words, with and without its unit; nothing for other kinds."""
    if fact.kind != "metric":
        return set()
    whole = fact.name.removeprefix("inferd_").replace("_", " ")
    short = re.sub(r" (total|seconds|seconds total|bytes|ratio|info|celsius|watts|hertz)$", "", whole)
    return {form for form in (whole, short) if " " in form}


def base_form(text):
    """The imperative of a sentence that begins with a verb in the third person: `Checks a file and lists its faults` ->
    `check a file and list its faults`. What has no such verb only gets a small first letter."""
    text = re.sub(r"^([A-Z][a-z]+ [a-z]+:|SIG[A-Z]+) (?=[a-z]+s )", "", text)
    first, _, rest = text.partition(" ")
    if not re.fullmatch(r"[A-Za-z][a-z]+s", first):
        return fact_tables.lower_first(text)
    verb = re.sub(r"(?<=sh|ch|ss)es$|s$", "", first.lower())
    rest = re.sub(r"(?<=, |d )(build|start|run|print|list|report|exit|say|show|check|stop)s\b", r"\1", rest)
    return f"{verb} {rest}"


def as_question(rng, text):
    """What a help text says of a quantity, as people ask for it: `Time a request waited` -> `how long a request waited`."""
    text = fact_tables.lower_first(text)
    for pattern, replacement in (
            (r"^time (?=a |an |the |it |that )", "how long "), (r"^time (?=from )", "how long it takes "),
            (r"^time to ", "how long it takes to "), (r"^duration of (.*)", r"how long \1 takes"),
            (r"^age of ([^,]*)", r"how old \1 is"), (r"^size of ([^.,]*)", r"how big \1 is"),
            (r"^share of (.*) in use", r"how much of \1 is in use"), (r"^memory ", "how much memory "),
            (r"^(\w+s) (waiting|running|arriving)\b", r"how many \1 are \2"), (r"^(\w+s) (?:that|which) ", r"how many \1 "),
            (r"^(\w+s) (refused|lost|found|cut|pushed|looked|generated|answered)\b", r"how many \1 were \2")):
        asked = re.sub(pattern, replacement, text)
        if asked != text:
            return asked
    if re.match(r"(?!this|its|always)\w+[^s\W]s ", text):
        return rng.choice(["how many ", "the number of ", ""]) + text
    return text


def reword(rng, text):
    """Changes a few words of a topic: other words for the same, other endings."""
    words = text.split()
    for i, word in enumerate(words):
        way = rng.random()
        if way < 0.12 and word in smalltalk.SYNONYMS:
            words[i] = rng.choice(smalltalk.SYNONYMS[word].split("|"))
        elif way < 0.2 and re.fullmatch(r"[a-z]{4,}(s|ed|ing)", word) and not word.endswith("ss"):
            words[i] = re.sub(r"(ed|ing|s)$", "", word)
        elif way < 0.23 and word in STOP_WORDS - {"how"} and len(words) > 3:
            words[i] = ""
    return " ".join(w for w in words if w)


def content_words(text):
    """The words that carry meaning, without a plural or third-person s."""
    found = re.findall(r"[a-z0-9_./-]*[a-z0-9]", text.lower())
    return {re.sub(r"(?<=[a-rt-z]{3})s$", "", w) for w in found if w not in STOP_WORDS}


def normal(text):
    return re.sub(r"[^a-z0-9 ]", "", text.lower()).strip()


def misspell(rng, word):
    """Drops, doubles or swaps one letter."""
    at = rng.randrange(1, len(word) - 1)
    return rng.choice([word[:at] + word[at + 1:], word[:at] + word[at] + word[at:],
                       word[:at] + word[at + 1] + word[at] + word[at + 2:]])


def pseudo_word(rng):
    return "".join(rng.choice("b c d f g h j k l m n p r s t v w z bl br cl dr fl gr pl pr sh sk sl sn st th tr".split())
                   + rng.choice("a e i o u ai ea oo ou".split()) for _ in range(rng.randint(1, 3))) + rng.choice(
                       ["", "", "n", "r", "t", "s", "ck", "ng", "sh", "x", "le", "ing", "ed", "ly"])


def scramble(rng, wording, forbidden, most=3):
    """Replaces or adds some words of a wording by words that mean nothing here: the model learns to go by the name."""
    def noise():
        word = pseudo_word(rng) if rng.random() < 0.45 else rng.choice(smalltalk.NOISE_WORDS + smalltalk.OTHER_WORDS)
        return "" if word in forbidden else word

    parts = wording.split()
    place = re.search(r"\{\w\}", wording)
    if place and rng.random() < 0.3:  # nothing of the wording stays
        before = [noise() for _ in range(rng.randint(0, 4))]
        after = [noise() for _ in range(rng.randint(0, 3))]
        return " ".join(w for w in [*before, place.group(), *after] if w)
    for _ in range(rng.randint(1, most)):
        word = noise()
        if not word:
            continue
        at = rng.randrange(len(parts) + 1)
        if rng.random() < 0.5 or at == len(parts) or "{" in parts[at]:
            parts.insert(at, word)
        else:
            parts[at] = word
    return " ".join(parts)


def dress(rng, wording, **values):
    """Fills a wording in and gives it an opener, an end, a case, a typo, as people do."""
    text = wording
    if rng.random() < 0.05:
        parts = text.split()
        at = rng.randrange(len(parts))
        if len(parts[at]) > 4 and "{" not in parts[at]:
            parts[at] = misspell(rng, parts[at])
            text = " ".join(parts)
    if rng.random() < 0.12:
        text = text + rng.choice(phrases.CLOSERS)
    if rng.random() < 0.15:
        text = rng.choice(phrases.OPENERS) + text
    for key, value in values.items():
        text = text.replace("{" + key + "}", value)
    return finish(rng, text)


def finish(rng, text):
    """Case and punctuation."""
    way = rng.random()
    if way < 0.55:
        text = text[:1].upper() + text[1:]
    elif way < 0.6:
        text = text.lower()
    elif way < 0.61:
        text = text.upper()
    if text.endswith(("?", "!", ".")):
        return text
    return text + rng.choices(["?", "", ".", " ?", "??", "!"], [58, 30, 6, 3, 2, 1])[0]


class Judge:
    """Decides whether an answer is right.

    For a question about a fact: of all facts, the one whose name and help the answer shares most words with (rare words
    count more, both ways) must be the fact asked for, and the answer must hold THRESHOLD of the weight of its help. For
    a newcomer's question: the answer must hold one of the words asked for.
    """

    THRESHOLD = 0.7

    def __init__(self, facts):
        self.facts = facts
        self.words = {f: content_words(f.help + " " + f.name) for f in facts}
        counts = {}
        for words in self.words.values():
            for w in words:
                counts[w] = counts.get(w, 0) + 1
        self.idf = {w: math.log(1 + len(facts) / n) for w, n in counts.items()}

    def weight(self, words):
        return sum(self.idf.get(w, 1.0) for w in words)

    def right(self, case, answer):
        if "words" in case:
            return any(w.lower() in answer.lower() for w in case["words"])
        said = content_words(answer)

        def likeness(fact):
            both = self.weight(said & self.words[fact])
            return both / (self.weight(said | self.words[fact]) or 1)

        fact = case["fact"]
        if max(likeness(f) for f in self.facts) > likeness(fact) + 1e-9:
            return False
        wanted = content_words(fact.help)
        return self.weight(said & wanted) >= self.THRESHOLD * self.weight(wanted)


def main():
    corpus = Corpus()
    count = {}
    for f in corpus.facts:
        count[f.kind] = count.get(f.kind, 0) + 1
    print(f"{len(corpus.facts)} facts: {count}; hash {corpus.hash()[:12]}")
    for turns in corpus.conversations(40, 1):
        for role, text in turns:
            print(f"  {role}: {text}")
        print()
    questions = corpus.held_out()
    print(f"{len(questions)} held-out questions, for example")
    for case in random.Random(1).sample(questions, 40):
        print(f"  [{case['kind']}] {case['question']}")
    judge = Judge(corpus.facts)
    wrong = [c["fact"].name for c in questions if "fact" in c and not judge.right(c, c["fact"].answer())]
    print(f"answers of the documentation itself that the judge refuses: {wrong}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
