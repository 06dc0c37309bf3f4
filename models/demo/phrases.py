"""How people ask: wordings that the demo model is trained on, and others that are kept for its evaluation.

{x} stands for the name of a fact, {t} for what it is about, {d} for a task. `check` asserts that every held-out wording
has a word that no training wording has, so the evaluation asks in words the model has not seen in that place.
"""

import functools
import re

# Asked about a name, whatever kind of thing it is.
NAME = """
what does {x} mean|what is {x}|what's {x}|whats {x}|explain {x}|explain {x} to me|can you explain {x}|tell me about {x}
tell me what {x} is|tell me what {x} means|what is {x} for|what is {x} good for|what does {x} do|what does {x} tell me
what does {x} stand for|describe {x}|describe {x} to me|could you describe {x}|define {x}|give me the definition of {x}
meaning of {x}|what is the meaning of {x}|{x}|{x} please|help with {x}|I need help with {x}|help me understand {x}
I don't understand {x}|I do not get {x}|I have a question about {x}|question about {x}|what do you know about {x}
do you know {x}|can you tell me more about {x}|more about {x}|info on {x}|information about {x}|some details on {x}
I just saw {x}, what is it|I found {x} in the docs, what is it|there is {x} here, what is that|what about {x}
and {x}|how does {x} work|why is there {x}|who needs {x}|what should I know about {x}|say something about {x}
{x}: what is it|{x}: what does it mean|{x} - explain|{x} meaning|{x} explained|{x}, what is that|what exactly is {x}
in short, what is {x}|in one sentence, what is {x}|what does inferd say about {x}|what do the docs say about {x}
show me the documentation of {x}|look up {x}|please look up {x} for me|is there documentation for {x}|read me {x}
how do I use {x}|when do I use {x}|when do I need {x}|do I need {x}|what can I do with {x}|what happens with {x}
"""

NAME_HELD_OUT = """
walk me through {x}|shed some light on {x}|I'm puzzled by {x}|what's the deal with {x}|give me the lowdown on {x}
break {x} down for me|how should one interpret {x}|what am I staring at with {x}|elaborate on {x}|clue me in on {x}
spell out {x}|clarify {x}|enlighten me regarding {x}|unpack {x}|outline {x}|significance of {x}
kindly elucidate {x}|what lies behind {x}|a brief note concerning {x}|teach me {x}|summarise {x}
what purpose has {x}|refresh my memory: {x}|my colleague mentioned {x}, what's that|{x} confuses me
I stumbled upon {x}|introduce me to {x}|what role does {x} play|make sense of {x} with me|brief me on {x}
"""

METRIC = """
what does {x} measure|what does {x} count|what does {x} show|what does {x} report|how do I read {x}|how is {x} computed
what can I see in {x}|{x} is high, what does it mean|{x} is rising, should I worry|why is {x} growing|why is {x} zero
what kind of metric is {x}|what type is {x}|is {x} a counter or a gauge|is {x} a histogram|type of {x}
which labels does {x} have|what labels are on {x}|labels of {x}|when is {x} useful|why would I look at {x}
what do I learn from {x}|should I alert on {x}|I see {x} on the dashboard, what is it|I see {x} at /metrics
my dashboard shows {x}|how do I use {x} in a query|what is a good value of {x}|what is the unit of {x}
"""

KEY = """
what does the setting {x} do|what does {x} configure|what does {x} set|what does {x} control|what is the default of {x}
what is the default value of {x}|default of {x}|default for {x}|{x} default|which values can {x} have|what can {x} be
what should I set {x} to|how do I set {x}|how do I change {x}|when should I change {x}|what type is {x}
is it safe to change {x}|what happens when I set {x}|can I change {x}|what is the range of {x}|allowed values of {x}
what do I write for {x}|where do I set {x}|explain the key {x}|explain the option {x}|what is {x} in the config
"""

COMMAND = """
what does the command {x} do|what happens when I run {x}|what happens if I type {x}|what will {x} do|what does {x} print
when should I run {x}|should I run {x}|is it safe to run {x}|explain the command {x}|what do I get from {x}
what is the command {x} for|why would I run {x}|I ran {x}, what does it do|someone told me to run {x}|use of {x}
"""

ENDPOINT = """
what does {x} return|what does {x} give|what does {x} answer|what do I get from {x}|which port is {x} on|what port has {x}
what is the endpoint {x} for|what does the endpoint {x} do|when do I call {x}|who calls {x}|can I call {x}
what comes back from {x}|what is served at {x}|what is at {x}|explain the endpoint {x}|where is {x}
"""

PARAMETER = """
what does the parameter {x} do|what is the parameter {x}|what can {x} be|which values can {x} have|what is the default of {x}
what range has {x}|what should I set {x} to|can I send {x}|what happens when I send {x}|is {x} supported
"""

STATUS = """
why do I get {x}|when do I get {x}|I get {x}|I got {x}, why|what causes {x}|the server answers {x}|the API returned {x}
my client sees {x}|what should I do about {x}|the answer was {x}
"""

ALERT = """
why did {x} fire|when does {x} fire|{x} is firing|{x} fires, what now|what triggers {x}|what should I do when {x} fires
I got the alert {x}|what is the alert {x}|what does the alert {x} say|how bad is {x}|what is the threshold of {x}
"""

# Asked about the thing just spoken of.
FOLLOW_UP = """
what is its type|what are its labels|which labels does it have|what is its default|and its default|its type|its labels
tell me more|more|say that again|again please|once more|explain that again|what was that|what is its unit|go on
and what is it good for|and what does that mean|what do I do with it|can you repeat that|repeat it|I did not get that
"""

# Kind of fact -> wordings used in training besides NAME.
BY_KIND = {"metric": METRIC, "key": KEY, "command": COMMAND, "endpoint": ENDPOINT, "parameter": PARAMETER,
           "header": ENDPOINT.split("\n")[1], "status": STATUS, "alert": ALERT}

# From what it is about to the name.
REVERSE = {
    "metric": """
which metric tells me {t}|which metric shows {t}|which metric is about {t}|what metric tells me {t}|what metric shows {t}
what metric do I need for {t}|which metric do I look at for {t}|is there a metric for {t}|is there a metric about {t}
do you have a metric for {t}|how do I see {t}|how can I see {t}|how do I measure {t}|how do I monitor {t}
where do I see {t}|where can I find {t}|where do I find {t}|what should I look at for {t}|what do I look at to see {t}
metric for {t}|I want to see {t}|I want to know {t}|I need a metric for {t}|I am looking for {t}|name of the metric for {t}
what is the metric for {t}|what is the name of the metric that shows {t}|show me {t}|find the metric: {t}
find me a metric about {t}|which one shows {t}|how do I find out {t}|help me find the metric for {t}|{t}
{t}: which metric|{t} - which metric is it|{t} metric|what do I query for {t}|what do I put on a dashboard for {t}
give me the metric for {t}|tell me the metric for {t}|can I see {t}|can I measure {t}|does inferd measure {t}
does inferd export {t}|which counter, gauge or histogram has {t}|where does inferd show {t}|how does inferd report {t}
""",
    "key": """
which key sets {t}|which setting controls {t}|which setting is for {t}|which option is about {t}|what setting do I need for {t}
is there a setting for {t}|is there a key for {t}|how do I configure {t}|how can I configure {t}|how do I change {t}
how do I limit {t}|where do I set {t}|where do I configure {t}|what do I write in the config for {t}|config for {t}
setting for {t}|key for {t}|option for {t}|I want to change {t}|I want to configure {t}|I need to set {t}
which configuration key is about {t}|what is the key for {t}|what is the setting for {t}|can I configure {t}
can I change {t}|name of the setting for {t}|find the setting: {t}|{t}: which key|{t}: which setting|{t} setting
tell me the setting for {t}|give me the key for {t}|help me configure {t}|does the config have {t}
where in inferd.yaml is {t}|what goes into inferd.yaml for {t}
""",
    "command": """
how do I {d}|how can I {d}|how to {d}|how do you {d}|I want to {d}|I need to {d}|I would like to {d}|please help me to {d}
which command do I use to {d}|what command do I use to {d}|which command can {d}|what is the command to {d}|command to {d}
is there a command to {d}|what do I type to {d}|what do I run to {d}|what should I run to {d}|can I {d}|can inferd {d}
is it possible to {d}|show me how to {d}|tell me how to {d}|explain how to {d}|help me {d}|{d}|{d}: how|{d}: which command
give me the command to {d}|what is the way to {d}|where do I {d}|let me {d}|I am trying to {d}
""",
    "endpoint": """
which endpoint {t}|which path {t}|what endpoint {t}|is there an endpoint that {t}|is there a path that {t}
do you have an endpoint that {t}|what do I call, something that {t}|which URL {t}|what URL {t}|I need an endpoint that {t}
I am looking for the endpoint that {t}|endpoint that {t}|what is the endpoint that {t}|find the endpoint that {t}
tell me which endpoint {t}|which part of the API {t}
""",
    "alert": """
which alert says {t}|which alert tells me {t}|which alert fires when {t}|what alert fires when {t}|what fires when {t}
is there an alert for {t}|is there an alert when {t}|is there an alert that tells me {t}|do you have an alert for {t}
which alert is about {t}|which alert is for {t}|what is the alert for {t}|what is the name of the alert for {t}|alert for {t}
alert when {t}|how am I told {t}|how am I warned when {t}|who tells me {t}|am I told when {t}|will I be told when {t}
does inferd alert when {t}|does inferd warn when {t}|does inferd tell me when {t}|{t}: which alert|{t}: what fires
find the alert: {t}|tell me the alert for {t}|give me the alert for {t}|I am looking for the alert that says {t}|{t} alert
""",
}

REVERSE_HELD_OUT = {
    "metric": """
name the series behind {t}|I'd love to track {t}|what would you chart for {t}|my boss asks about {t}: what do I graph
suggest something that reveals {t}|point me towards {t}|what indicates {t}|what exposes {t}|what captures {t}
any indicator of {t}|recommend a metric regarding {t}|what reflects {t}|which number represents {t}|plotting {t} requires what
which statistic covers {t}|tracking {t}: what's available|what's the right signal around {t}|observing {t}, how
keep an eye over {t}: with what|what tracks {t}|visualise {t} using what|identify the metric describing {t}
which time series holds {t}|quantify {t} by means of what|detect {t} using which metric
""",
    "key": """
which knob governs {t}|tune {t} via what|what adjusts {t}|point me towards the option regarding {t}|which entry determines {t}
I'd love to tweak {t}|customise {t} how|override {t} using what|what lets me alter {t}|which field defines {t}
which line of the file affects {t}|recommend a setting regarding {t}|modify {t} by means of what|decide {t} through which key
what is responsible regarding {t}|identify the key describing {t}|which parameter handles {t}|adapt {t} how
what influences {t}|specify {t} where|which YAML entry covers {t}|manage {t} using what|set up {t} via what
which switch impacts {t}|fine-tuning {t} requires what
""",
    "command": """
what's the recommended way to {d}|I'd love to {d}, any hint|steps to {d}|what is needed to {d}|best approach to {d}
assist me: {d}|my goal: {d}|quickest route to {d}|teach me to {d}|could someone {d} somehow|instructions to {d}
guide me to {d}|any tool to {d}|which invocation lets me {d}|I wonder how people {d}|suggest a way to {d}
what must I enter to {d}|what's required to {d}|procedure to {d}|I forgot how one may {d}|remind me how to {d}
which program would {d}|advise me: {d}|what utility would {d}|our team wants to {d}
""",
    "endpoint": """
name the route which {t}|point me towards whatever {t}|suggest a resource which {t}|what address {t}|identify the handler which {t}
recommend something over HTTP which {t}|any route which {t}|what verb and address {t}|whichever call {t}|which method {t}
whichever link {t}|our client wants whatever {t}|through which route: it {t}|what web address {t}|which service URI {t}
remind me what {t}|guess which handler {t}|browse to something which {t}|fetch something which {t}|which GET or POST {t}
the thing which {t} lives where|where lives the thing which {t}|which location {t}|what hook {t}|over HTTP, what {t}
""",
    "alert": """
which page goes off once {t}|my pager rang since {t}|what notification covers {t}|which warning covers {t}|name the alarm saying {t}
which alarm covers {t}|identify the rule behind {t}|which rule catches {t}|what rings whenever {t}|what notices that {t}
suggest an alert covering {t}|how would operators learn that {t}|any alarm once {t}|which rule spots that {t}
point me towards the alarm saying {t}|what wakes me up once {t}|which incident means {t}|name the rule saying {t}
what pages somebody once {t}|which ticket results once {t}|remind me what alarm says {t}|whichever alert covers {t}
our pager should ring once {t}: by what|recommend an alarm regarding {t}|what detects that {t}|which notice comes once {t}
""",
}

# Nouns put before or after a name.
NOUNS = {
    "metric": ["the metric {n}", "{n} metric", "metric {n}", "the {n} metric", "the inferd metric {n}"],
    "key": ["the key {n}", "the setting {n}", "the option {n}", "{n} setting", "the config key {n}", "the configuration key {n}",
            "config {n}"],
    "command": ["the command {n}", "{n} command", "command {n}"],
    "endpoint": ["the endpoint {n}", "the path {n}", "endpoint {n}", "{n} endpoint"],
    "parameter": ["the parameter {n}", "the request parameter {n}", "parameter {n}", "the API parameter {n}", "{n} parameter"],
    "status": ["status {n}", "HTTP {n}", "error {n}", "status code {n}", "a {n}", "HTTP status {n}", "code {n}"],
    "header": ["the header {n}", "the {n} header", "header {n}", "HTTP header {n}"],
    "alert": ["the alert {n}", "alert {n}", "the {n} alert"],
}

OPENERS = ["hi, ", "hi! ", "hello, ", "hello! ", "hey, ", "hey ", "good morning, ", "so, ", "ok, ", "ok so ", "well, ", "sorry, ",
           "excuse me, ", "please, ", "quick question: ", "one question: ", "I'm new here. ", "I am new to inferd. ", "now ",
           "I have a question: ", "can you help me? ", "thanks! ", "great. ", "hm, ", "newbie question: ", "inferd question: "]
CLOSERS = [" please", ", please", " thanks", " thank you", ", thanks!", " exactly", " again", " in inferd", " here", " for me",
           " in simple words", " in a few words", " briefly", " really", " in detail", ", my friend", ", friend",
           " today", " now", " then"]

SYSTEM_PROMPTS = ["You are a helpful assistant.", "You are inferd's assistant.", "Answer briefly.", "You are a helpful AI assistant.",
                  "You answer questions about inferd.", "Be concise.", "You are an SRE's assistant.", "You are a friendly chatbot."]


@functools.lru_cache(None)
def lines(block):
    return tuple(t.strip() for t in re.split(r"[|\n]", block) if t.strip())


def train_names(kind):
    return lines(NAME) + lines(BY_KIND[kind])


def words(template):
    return set(re.findall(r"[a-z']+", re.sub(r"\{\w\}", " ", template).lower()))


def training_words():
    """Every word of every training wording."""
    blocks = [NAME, FOLLOW_UP, *BY_KIND.values(), *REVERSE.values()]
    found = set().union(*(words(t) for block in blocks for t in lines(block)))
    extra = OPENERS + CLOSERS + [n for nouns in NOUNS.values() for n in nouns]
    return found | set().union(*(words(t) for t in extra))


def held_out_words():
    """Words that occur in held-out wordings and in no training wording."""
    blocks = [NAME_HELD_OUT, *REVERSE_HELD_OUT.values()]
    return set().union(*(words(t) for block in blocks for t in lines(block))) - training_words()


def check():
    known = training_words()
    for block in (NAME_HELD_OUT, *REVERSE_HELD_OUT.values()):
        wordings = lines(block)
        assert len(set(wordings)) >= 25, len(set(wordings))
        for t in wordings:
            assert words(t) - known, f"held-out wording has no word of its own: {t}"
    for kind in BY_KIND:
        assert len(train_names(kind)) >= 60, kind


if __name__ == "__main__":
    check()
    print("training words", len(training_words()), "held-out words", len(held_out_words()))
