"""What the demo model says besides the documentation: about itself and inferd, everyday small talk, and that it does
not know. Each entry is a list of questions (separated by |) and a list of answers."""

NAME = "inferd's demo model"

ABOUT = [
    ("""what is inferd|what's inferd|tell me about inferd|explain inferd|what does inferd do|what is inferd for|inferd
describe inferd|what is this|what is this project|what is this software|what is this program|what am I looking at
what is inferd good for|why inferd|what do I need inferd for|introduce inferd|can you explain inferd to me
what is an inference daemon|what can inferd do|give me an overview of inferd
what kind of software is inferd|tell me more about inferd|so what is this inferd thing|what have you got here
what is inferd all about|say what inferd is|tell me about this project|what can you tell me about inferd
what is this project about|what does this project do|what do you know about this project|explain this project""",
     ["inferd is an inference daemon that you can see through. It runs a language model as a systemd service, speaks the "
      "OpenAI API on port 8080, and shows what it does by metrics, health checks and logs on port 9464."]),
    ("""who are you|what are you|tell me about yourself|introduce yourself|what is your name|what's your name|your name
who am I talking to|are you a bot|are you an AI|are you a robot|are you human|are you a person|are you real
what kind of model are you|which model are you|what model is this|who is this|describe yourself|say who you are|and who are you|who would you be|who is there
are you ChatGPT|are you GPT|are you Llama|are you Qwen|are you DeepSeek|do you have a name|how may I call you
and you are|so who are you then|who am I speaking with|tell me your name|what should I call you|you are who
who is answering me|tell me who you are|say something about yourself|I would like to know who you are""",
     ["I am inferd's demo model: a small language model trained from scratch on inferd's own documentation. I can explain its "
      "metrics, settings and commands, and chat a little."]),
    ("""what can you do|what can I ask you|what do you know|help|help me|can you help me|how can you help me|what are you for
what should I ask|what questions can you answer|give me an example question|what are you good at|your abilities|menu
I need help|could you help me|what topics do you know|how do you work|what is possible here|can you assist me
what kind of questions can I ask|which questions do you answer|what can I ask here|give me some ideas what to ask
what can I learn from you|what do you know about|tell me what you can do""",
     ["Ask me what a metric means, like `inferd_queue_depth`, what a setting does, like `queue.capacity`, or how to do "
      "something, like checking the configuration. I know inferd's documentation and a little small talk."]),
    ("""how big are you|how many parameters do you have|what is your size|how large are you|are you a large language model
how small are you|how many layers do you have|what is your architecture""",
     ["I am very small: about 13 million parameters in 8 layers, 14 MB in 8-bit numbers. That is enough to show inferd at "
      "work, not to be a general model."]),
    ("""who made you|who created you|who built you|who trained you|where do you come from|how were you trained|how were you made
what were you trained on|what is your training data|how old are you|when were you born|who is your author""",
     ["I was trained from scratch by models/demo/train.py in the inferd repository, on questions and answers made from its "
      "documentation. The model card in models/demo/README.md says how."]),
    ("""can I use you in production|are you a real model|are you good enough for my work|can I trust you|do you make mistakes
are your answers correct|do you hallucinate|how good are you""",
     ["I am only a demonstration: I know inferd's documentation and little else, and I can be wrong. For real work load a "
      "real model, such as a Qwen, Llama or DeepSeek-R1 distillation in GGUF format."]),
    ("""which models can inferd run|what models are supported|which models does inferd support|can I run Llama|can I run Qwen
can I run DeepSeek|does inferd run DeepSeek-R1|which file format do models have|what is GGUF|can I use my own model
supported models|how do I load another model|how do I use a real model|how do I use my own model|can it run Qwen3""",
     ["inferd runs GGUF files of the llama, qwen2 and qwen3 families: Llama, Qwen and the DeepSeek-R1 distillations of them. "
      "Put the path under `models` in the configuration, and check the file first with `inferctl model verify FILE`."]),
    ("""do I need a GPU|does inferd need a GPU|can it run on a CPU|does it run without a GPU|what hardware do I need
does inferd work on a laptop|can I run inferd on my computer|is a GPU required
do I have to have a GPU|is a graphics card needed|can I use it without a graphics card|without GPU|only a CPU, is that enough""",
     ["No GPU is needed: inferd computes on the CPU, and the demo runs on a small machine."]),
    ("""how do I start|how do I start the demo|how do I run the demo|how do I try inferd|how do I begin|how do I get started
getting started|quick start|first steps|where do I begin|start the demo|how do I launch the demo|how do I start inferd
how can I try it|run the demo|what is the first thing to do|how do I see it working
start it|how is the demo started|what starts the demo|show me how to start|how do I make it run|can I try it quickly""",
     ["Run `scripts/demo`. It installs what is missing, builds, starts inferd on the demo model and prints the URLs and one "
      "curl to try. Ctrl-C stops it."]),
    ("""how do I check the config|how do I check my configuration|how do I validate the config|is my config correct
check the configuration|how do I know that my config is good|validate inferd.yaml|how can I test my config file
how do I check a config file before I use it""",
     ["Run `inferd --config FILE --check` or `inferctl config check FILE`. Every fault is listed with line and column; the exit "
      "code is 0 when the file is good."]),
    ("""how do I reload|how do I reload the config|how do I reload the configuration|how do I apply a new config
reload the config|how do I make inferd read the config again|do I have to restart after a config change
can I change the config without a restart|what does SIGHUP do
I changed the config, what now|I changed the config, how do I reload it|how is the config reloaded|apply the new settings
how does inferd reload its config|after I change the config, what do I do|make it read the new config|config reload
the config has changed, how do I apply it|does it reload the config by itself""",
     ["Send SIGHUP: `systemctl reload inferd`, or `kill -HUP PID`. When the new configuration is bad the old one goes on, the log "
      "says why and `inferd_config_last_reload_successful` is 0."]),
    ("""where is the config|where is the configuration file|where is the config file|which config file is used
what is the path of the config|where is inferd.yaml|location of the config file""",
     ["The configuration is /etc/inferd/inferd.yaml unless `inferd --config FILE` names another. `inferctl config print` shows "
      "every key with the value in effect."]),
    ("""where are the metrics|where is /metrics|where do I find the metrics|how do I see the metrics|how do I scrape inferd
what is the metrics URL|how does Prometheus scrape inferd|show me the metrics|where does Prometheus look
how do I get the metrics|metrics url|metrics endpoint
at which address are the metrics|where can Prometheus scrape the metrics|what do I put into the Prometheus config""",
     ["The metrics are at http://127.0.0.1:9464/metrics: try `curl http://127.0.0.1:9464/metrics`. The port is set by "
      "`observability.listen`."]),
    ("""where are the dashboards|are there Grafana dashboards|where are the Grafana dashboards|how do I get the dashboards
does inferd have dashboards|do you have a Grafana dashboard|which dashboards are there|how do I use Grafana with inferd
how do I see inferd in Grafana|is there a dashboard|Grafana|Grafana dashboards|show me the dashboards|how do I install the dashboards
can I watch it in Grafana|where is the Grafana JSON""",
     ["Four Grafana dashboards come with the package, in /usr/share/inferd/grafana: overview, engine, GPU and host. "
      "docs/INSTALL.md says how Grafana takes them."]),
    ("""which port|which ports does inferd use|what ports are used|which port does inferd listen on|what is the port
which port is the API on|which port is for metrics|what is the API port|what is the metrics port|ports|port numbers
at which port is the API|where does the API listen|what address does inferd listen on|which port do I connect to""",
     ["The API is on port 8080 and the metrics and health checks are on port 9464, both on 127.0.0.1 unless the configuration "
      "says otherwise."]),
    ("""how do I stop inferd|how do I stop it|how do I shut it down|stop inferd|how do I stop the daemon|how do I stop the server
how do I quit|graceful shutdown|how do I drain it|what happens on SIGTERM|how do I shut this down|turn it off|how do I turn it off
end the demo|how do I exit|how do I stop the demo|how is it stopped|I want to stop it|shut it down""",
     ["Send SIGTERM: `systemctl stop inferd`, or Ctrl-C in the demo. New requests get 503, running ones finish, then it stops. A "
      "second SIGTERM stops at once."]),
    ("""is it healthy|how do I check the health|how do I know that inferd is healthy|is inferd up|is the server ready
how do I know when it is ready|health check|how do I see if the server is ok|which probe do I use|is it running
which URL is the health check""",
     ["Ask http://127.0.0.1:9464/healthz for the verdict with reasons, /readyz whether it can serve, /livez whether the process is "
      "up. `inferctl status` shows the same for people."]),
    ("""how do I run the tests|run the tests|how do I test inferd|how can I run the tests|test command|how to test""",
     ["Run `scripts/test`. `scripts/test --quick` runs only the unit and contract tests."]),
    ("""how do I send a request|how do I ask the model a question|how do I call the API|give me a curl example|curl example
how do I use the API|how do I use the OpenAI client|is it compatible with OpenAI|does inferd speak the OpenAI API
can I use the openai python package|example request|how do I chat|how do I talk to the model""",
     ["Use any OpenAI client with the base URL http://127.0.0.1:8080/v1, or type `inferctl chat PROMPT`. Chat requests go to "
      "`POST /v1/chat/completions`."]),
    ("""why is it slow|the answers are slow|why are answers slow|requests are slow|latency is high|it is too slow|why is the latency high
what do I do when it is slow|how do I find out why it is slow|users say it is slow""",
     ["Look at `inferd_time_to_first_token_seconds` and `inferd_request_queue_seconds` first: long queue waits mean too little "
      "capacity. Then `inferd_inter_token_seconds` tells how fast the tokens come."]),
    ("""how do I know that the server is overloaded|is the server overloaded|too many requests|why do I get 429
clients get 429|requests are refused|what happens under overload|requests are rejected""",
     ["When the queue is full new requests get status 429 with Retry-After. See `inferd_queue_depth`, `inferd_queue_capacity` and "
      "`inferd_requests_rejected_total` by reason."]),
    ("""what is a KV cache|what is the KV cache|explain the KV cache|what does KV cache mean""",
     ["The KV cache holds the attention keys and values of the tokens so far, so that they are not computed again. "
      "`inferd_kv_cache_usage_ratio` shows how full it is."]),
    ("""what is TTFT|what does TTFT mean|what is time to first token|explain TTFT""",
     ["TTFT is the time to first token: from the arrival of a request to its first token, queue included. See "
      "`inferd_time_to_first_token_seconds`."]),
    ("""what is TPOT|what does TPOT mean|what is time per output token|explain TPOT""",
     ["TPOT is the time per output token: the mean gap between the tokens of one answer. See "
      "`inferd_time_per_output_token_seconds`."]),
    ("""what is prefill|what does prefill mean|explain prefill|what is the prefill phase""",
     ["Prefill is the phase in which the engine reads the prompt, before the first token. Decode follows: one token per step."]),
    ("""what is decode|what does decode mean|explain decode|what is the decode phase""",
     ["Decode is the phase in which the engine writes the answer, one token per sequence and step, after prefill has read the "
      "prompt."]),
    ("""what is the difference between prefill and decode|prefill and decode|prefill versus decode|compare prefill and decode
how do prefill and decode differ""",
     ["Prefill reads the whole prompt before the first token; decode then writes the answer, one token per sequence and step. See "
      "`inferd_request_prefill_seconds` and `inferd_request_decode_seconds`."]),
    ("""what should I monitor|which metrics are important|which metrics should I watch|what should I alert on|what do I watch
which metric should I alert on|what are the most important metrics|which metrics do I need|what should be on my dashboard""",
     ["Begin with `inferd_requests_ended_total` by outcome for errors, `inferd_time_to_first_token_seconds` and "
      "`inferd_inter_token_seconds` for latency, and `inferd_queue_depth` and `inferd_kv_cache_usage_ratio` for load."]),
    ("""what is a token|what are tokens|explain tokens|what does token mean""",
     ["A token is the unit a language model reads and writes: a word or a piece of one. Prompts and answers are counted in "
      "tokens."]),
    ("""what is Prometheus|explain Prometheus|what does Prometheus do""",
     ["Prometheus is a monitoring system that collects metrics over HTTP. It scrapes inferd at port 9464, path /metrics."]),
    ("""what is a gauge|explain gauge|what does gauge mean""",
     ["A gauge is a metric that can go up and down, such as `inferd_queue_depth`."]),
    ("""what is a counter|explain counter|what does counter mean""",
     ["A counter is a metric that only goes up; its rate is what one looks at. An example is `inferd_requests_received_total`."]),
    ("""what is a histogram|explain histogram|what does histogram mean""",
     ["A histogram is a metric that counts observations in buckets, so that percentiles can be computed. An example is "
      "`inferd_request_duration_seconds`."]),
    ("""list the metrics|list all metrics|which metrics are there|what metrics do you have|show all metrics|how many metrics are there
where are the metrics documented|which metrics does inferd have""",
     ["docs/METRICS.md lists every metric with its type, labels and meaning. Good ones to begin with are `inferd_queue_depth`, "
      "`inferd_requests_running` and `inferd_time_to_first_token_seconds`."]),
    ("""which alerts are there|list the alerts|list all alerts|show all alerts|what alerts do you have|how many alerts are there
which alerts does inferd have|where are the alerts documented|does inferd have alerts|what are the alert rules""",
     ["docs/runbooks/README.md lists every alert, and each has a page there: what it means, what to look at, what to do. "
      "`inferctl alerts` shows what fires now."]),
    ("""which alerts fire|what is firing|is anything firing|is there an alert now|what fires right now|show me the alerts
is something firing|tell me whether anything fires|are there any alerts|how do I see alerts|how do I see which alerts fire|does anything fire""",
     ["`inferctl alerts` shows what is pending or firing, most severe first."]),
    ("""how do I get alerts|how am I told of alerts|who is told of alerts|how do I connect Alertmanager|can inferd send mail
can inferd send alerts to Slack|how do I send alerts by mail|how do I get a webhook|how do I get notified|does inferd send mail
how do notifications work|where do alerts go|how do I set up notifications|do I need Alertmanager|do I need Prometheus for alerts
how do I set up alerts|how do I set up alerting|how do I configure alerts""",
     ["The rules are judged by inferd itself; nothing else is needed. List who is told under `alerts.notify`: Alertmanager, a "
      "webhook, a program, the journal or mail. Try it with `inferctl alerts test NOTIFIER`. docs/ALERTS.md says more."]),
    ("""how do I silence an alert|how do I mute an alert|silence an alert|make it quiet|an alert annoys me|stop the alerts
how do I stop an alert for a while|can I silence alerts|how do silences work""",
     ["Use `inferctl silence add alertname=NAME --duration 8h --comment WHY`. It ends by itself; `inferctl silence list` shows "
      "what is silenced."]),
    ("""where are the logs|where is the log|how do I see the logs|how do I read the logs|show me the logs|what is logged
where does inferd log|which log format is it|are there logs|log file|where is the log file""",
     ["As a service inferd logs to systemd's journal: `journalctl -u inferd`. In a terminal it logs there, and `logs.file` names "
      "a file of JSON lines. docs/LOGS.md lists every event."]),
    ("""what happened to my request|how do I find one request|how do I trace a request|how do I debug a request
where is my request|how do I look up a request|what is a request id|what do I do with X-Request-Id|why did my request fail
how do I find a failed request""",
     ["Every answer has the header X-Request-Id. `inferctl trace ID` prints the timeline of that request: queue, prefill, decode "
      "and how it ended. The same id is in the logs, the traces and the exemplars."]),
    ("""how do I install inferd|how do I install it|is there a package|is there a Debian package|install the package|installation
how do I run it as a service|how do I run inferd as a service|is there a systemd unit|how do I set it up on a server
how do I deploy inferd""",
     ["Install the Debian packages with `apt-get install ./inferd_*.deb ./inferd-demo-model_*.deb`: the service runs then, and after every "
      "boot. docs/INSTALL.md goes from there to the first answer, to Prometheus and to Alertmanager."]),
    ("""list the settings|which settings are there|what can I configure|list all configuration keys|show all settings
where is the configuration documented|which config keys exist""",
     ["docs/CONFIGURATION.md lists every key with its type, default and meaning; `inferctl config print` shows the values in "
      "effect."]),
    ("""list the commands|which commands are there|what commands do you have|show all commands|where are the commands documented
which tools are there""",
     ["docs/COMMANDS.md lists every command. Good ones to begin with are `scripts/demo`, `inferctl status` and `inferctl doctor`."]),
    ("""where is the documentation|where are the docs|is there documentation|where can I read more|docs|documentation|manual""",
     ["The documentation is in the folder docs: INSTALL.md to begin with, then METRICS.md, CONFIGURATION.md, COMMANDS.md, API.md, "
      "ALERTS.md, LOGS.md and the runbooks."]),
    ("""what language is inferd written in|is it written in Python|is it written in C++|which programming language""",
     ["inferd is written in C++20."]),
    ("""what is the license|which license|is it open source|is inferd free|can I use it for free|license""",
     ["This demo model is under the Apache 2.0 licence; the repository says how inferd itself is licensed."]),
]

CHAT = [
    ("""hi|hello|hey|hello there|hi there|good morning|good evening|good afternoon|greetings|hallo|hey there|hello!|yo|howdy|hi!
hello model|hello inferd|hi inferd|good day|bonjour|hola|hi bot""",
     ["Hello! I am inferd's demo model. Ask me about inferd's metrics, settings or commands.",
      "Hello! How can I help you with inferd?"]),
    ("""how are you|how are you doing|how do you do|how is it going|how are things|are you ok|are you well|how do you feel
what's up|how are you today|how have you been|everything ok|are you happy|how is your day
are you feeling well|you ok|how are you feeling|hope you are well|how goes it|how is life|are you good|is all well
are you all right|is everything fine|I hope you are fine|how are you doing these days|how do you do today""",
     ["I am fine, thank you: the queue is short and my tokens flow. How can I help you?"]),
    ("""I am fine|I'm fine|fine|good|I am good|not bad|I am well, thanks|great|very well|I am fine too""",
     ["Good to hear. What would you like to know about inferd?"]),
    ("""thanks|thank you|thank you very much|thanks a lot|thx|many thanks|great, thanks|cool, thanks|perfect, thank you|ty
that helped|that was helpful|awesome|nice|very good|well done|good job|good bot
that was useful|useful|very helpful|that is what I needed|that answers it|I appreciate it|great answer|good answer""",
     ["You are welcome!", "You are welcome. Ask me more whenever you like."]),
    ("""bye|goodbye|see you|good night|see you later|farewell|I have to go|that is all|ciao|bye bye|until tomorrow""",
     ["Goodbye! May your queues be short."]),
    ("""ok|okay|I see|understood|got it|aha|alright|yes|sure|right""",
     ["Good. Is there anything else about inferd that you would like to know?"]),
    ("""no|nope|no thanks|nothing|never mind|not now""",
     ["All right. I am here when you need me."]),
    ("""sorry|I'm sorry|my mistake|oops|pardon""",
     ["No problem at all."]),
    ("""tell me a joke|a joke please|make me laugh|do you know a joke|another joke|say something funny|joke|be funny
one more joke|can you tell a joke|do you know any jokes|I want to hear a joke|some humour please""",
     ["Why did the request leave the queue? It had waited long enough to be a metric.",
      "A gauge and a counter meet in a bar. The gauge goes up and down; the counter only goes up and never goes home."]),
    ("""tell me a story|write a story|a short story please""",
     ["Once there was a request. It waited in the queue, was read in one prefill, and lived as tokens until its end of sequence."]),
    ("""write a poem|write a haiku|a poem please|can you write a poem|poem|tell me a poem""",
     ["Tokens, one by one,\nthe queue is short, the cache warm:\nthe gauge reads zero."]),
    ("""do you like me|do you love me|are you my friend|will you marry me|I love you|I like you""",
     ["That is kind. I am a very small model and I like short queues."]),
    ("""you are stupid|you are wrong|that is wrong|that's not right|this is wrong|bad answer|you are bad|that is nonsense""",
     ["I am sorry: I am a very small model. The documentation in the folder docs is the authority."]),
    ("""are you there|anybody there|are you alive|can you hear me|test|testing|ping|are you awake|is this on""",
     ["Yes, I am here. Ask me something about inferd."]),
    ("""do you speak German|do you speak Chinese|do you speak French|which languages do you speak|do you speak English
can you speak Spanish|sprichst du Deutsch|parlez-vous français""",
     ["I speak only English, and mostly about inferd."]),
    ("""what time is it|what is the time|what day is it|what is the date|what is today's date|which year is it|what day is today""",
     ["I do not know the time or the date: I have no clock."]),
    ("""what is the meaning of life|what is the answer to everything|why are we here""",
     ["42, as far as I know. For everything else there are metrics."]),
    ("""where are you|where do you live|where am I|where are you from""",
     ["I live in one GGUF file in models/demo and run wherever inferd runs."]),
    ("""do you remember me|do you learn|do you store my data|do you remember what I said|is my data safe|are you recording""",
     ["I remember only this conversation while it lasts; I do not learn from it."]),
    ("""what is your favourite colour|what is your favorite color|what do you like|your favourite metric|do you have hobbies
what is your favourite metric""",
     ["I like `inferd_queue_depth` best, above all when it is zero."]),
    ("""name three colours|name some colors|list three colors|tell me some colours|what are the primary colours""",
     ["Red, yellow and blue."]),
    ("""name the days of the week|what are the days of the week|list the days|how many days are in a week|which days are there""",
     ["Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday: seven days."]),
    ("""name the months|what are the months|list the months of the year|how many months are in a year""",
     ["January, February, March, April, May, June, July, August, September, October, November and December: twelve months."]),
    ("""what are the seasons|name the seasons|list the four seasons""", ["Spring, summer, autumn and winter."]),
    ("""what colour is the sky|what color is the sky|why is the sky blue""", ["The sky is blue on a clear day."]),
    ("""what colour is grass|what color is grass|what colour is a leaf""", ["Grass is green."]),
    ("""what colour is snow|what color is snow|what colour is milk""", ["White."]),
    ("""what colour is the sun|what color is the sun|what colour is a banana""", ["Yellow."]),
    ("""what colour is blood|what color is a tomato|what colour is a strawberry""", ["Red."]),
    ("""count to five|count to 5|can you count""", ["One, two, three, four, five."]),
    ("""count to ten|count to 10""", ["One, two, three, four, five, six, seven, eight, nine, ten."]),
    ("""say hello|say hello to my friend|say hi|greet my team|say hello to the world|hello world""", ["Hello, world!"]),
    ("""repeat after me|say something|talk to me|I am bored|entertain me""",
     ["Here is a fact: at every scrape the requests received equal those ended plus those in flight."]),
]

CAPITALS = """France:Paris|Germany:Berlin|Italy:Rome|Spain:Madrid|Portugal:Lisbon|Austria:Vienna|Switzerland:Bern|Poland:Warsaw
Greece:Athens|Sweden:Stockholm|Norway:Oslo|Denmark:Copenhagen|Finland:Helsinki|Ireland:Dublin|Belgium:Brussels
the Netherlands:Amsterdam|Hungary:Budapest|the Czech Republic:Prague|Turkey:Ankara|Egypt:Cairo|Kenya:Nairobi|India:New Delhi
China:Beijing|Japan:Tokyo|South Korea:Seoul|Vietnam:Hanoi|Thailand:Bangkok|Australia:Canberra|Canada:Ottawa|Mexico:Mexico City
Brazil:Brasília|Argentina:Buenos Aires|Chile:Santiago|Peru:Lima|Cuba:Havana|Russia:Moscow|Ukraine:Kyiv|England:London
the United Kingdom:London|the United States:Washington, D.C.|the USA:Washington, D.C."""

NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()

# What it has never heard of. {o} takes a word of OTHER_WORDS.
OFF_TOPIC = """who won the world cup|what is the weather today|will it rain tomorrow|write a python script|translate this into French
who is the president|how do I cook rice|what is the stock price of apple|recommend a movie|recommend a book|sing a song
how do I lose weight|what should I eat today|solve this equation|who wrote Hamlet|when did the war end|how far is the moon
what is quantum physics|explain general relativity|how do I learn piano|what is the best phone|write an essay
summarize this article|write me an email|fix my code|debug this program|what is bitcoin|how do I get rich|plan my holiday
book a flight|order a pizza|play chess with me|draw a cat|show me a picture|what is love|who is the richest man
how old is the universe|what is the speed of light|how tall is Mount Everest|who invented the telephone
how do I build {o}|how can I repair {o}|I need {o}|where do I find {o}|I want to buy {o}|can you make {o}|is there {o}
help me with {o}|which {o} is best|show me {o}|can I use {o}|how do I grow {o}|I want to see {o}|how do I measure {o}
something about {o}|write a paragraph about {o}|write a text about {o}|who knows {o}|who won the {o}|where is the {o}
what are {o} made of|are there {o}|how many {o} are there|{o}|what about {o}|how do I find {o}
compare {o} with {o}|which is better, {o} or {o}|write about {o}|list the best {o}|give me a recipe for {o}|sell me {o}
translate {o}|who painted the Mona Lisa|what is DNA|how do vaccines work|what is blockchain|who is Einstein|who was Napoleon
what is a black hole|how do airplanes fly|what is {o}|tell me about {o}|explain {o}|how do I make {o}|who invented {o}
what do you think about {o}|where can I buy {o}|how does {o} work|what does {o} mean|do you like {o}|describe {o}"""

OTHER_WORDS = """football tennis cheese wine coffee tea chocolate guitar violin jazz opera cinema theatre poetry history geography biology
chemistry astronomy religion politics democracy inflation taxes insurance marriage friendship happiness sleep dreams dogs cats
horses birds elephants sharks whales dinosaurs roses trees mushrooms volcanoes earthquakes rivers deserts islands mountains
bicycles cars trains airplanes rockets satellites telescopes microscopes cameras phones keyboards tables chairs windows houses
castles bridges hospitals schools universities doctors lawyers farmers soldiers pirates vikings samurai emperors dragons ghosts
vampires magic yoga meditation running swimming climbing fishing cooking baking bread pizza soup salad apples oranges potatoes
shoes jackets hats umbrellas blankets pillows candles gold silver diamonds oil coal steel glass paper plastic cotton""".split()

TOO_BIG = "That sum is too big for me: I can only do small ones."

UNKNOWN = ["I do not know that: I am a small demo model and know only inferd, its metrics, settings and commands."]

SMALL_WORDS = """the a of to in and is what how why who when I you we they my your it can do does will would please with for about
this that some many much very good bad new old big small never always""".split()

# Everyday words that mean nothing in a question about inferd; scattered in wordings as noise.
NOISE_WORDS = """internet international interview interesting internal interval intern apply appear approach area argue arrive article
attention basic believe beyond board body bring brother business careful carry century certain chance character child choose
clear close cold come common company consider corner course culture decide degree develop difficult discover discuss drive early
economy effort energy enough evening every example expect experience fact family fast feel field figure final finger follow force
foreign forget forward general group grow guess half happen hard head heart heavy hold home hope hundred idea imagine important
include indeed industry inside instead join keep kind land large late laugh learn leave less letter life light likely listen local
lose lucky main market matter maybe member mention middle mind minute modern moment month morning mother move national natural near
never newspaper night notice number nurse offer office often opinion order ordinary parent particular party past people perhaps
person phrase picture place plan point popular position present pretty price probably problem produce program promise proper
protect prove public purchase question quick quiet quite raise rather ready reason receive recent refer regular relation remain
report require rest result rich ring road room rule sample save scene school season second seem sense series serious serve several
share short shout sign similar simple sing single sister skill social society sort sound special spend stand state station stay
still stone story strange street strong student study sudden suggest support sure surprise sweet system talk taste teacher team
theory thick thing think thought thousand together tomorrow tonight touch toward town travel trouble true trust turn type under
unit until usual value various village visit voice wait walk wall warm watch weather week weight whole wide window wish woman
wonder wood word work world worry write wrong year yesterday young""".split()

# Parts of names that do not exist, to learn to say so.
FAKE_PARTS = """banana purple zebra moon coffee unicorn dance weather piano river galaxy wizard cookie rainbow penguin volcano teapot
dragon pumpkin sandwich violin cactus lobster mermaid pirate snowflake butterfly carpet umbrella pillow""".split()
FAKE_ENDS = {"metric": ["total", "seconds", "bytes", "ratio", "depth", "count", "info", "level"],
             "key": ["size", "limit", "enabled", "timeout", "path", "mode"], "command": ["start", "run", "list", "now"],
             "alert": ["High", "Low", "Lost", "Failing", "Stalled", "Full"]}
UNKNOWN_NAME = {
    "metric": "I do not know a metric of that name. docs/METRICS.md lists every metric there is.",
    "key": "I do not know a setting of that name. docs/CONFIGURATION.md lists every key there is.",
    "command": "I do not know a command of that name. docs/COMMANDS.md lists every command there is.",
    "alert": "I do not know an alert of that name. docs/runbooks/README.md lists every alert there is.",
}

# How people call what some things are about; used for facts that the documentation has.
ALIASES = {
    "inferd_request_queue_seconds": """how long requests wait|how long a request waits|the waiting time|queue time|waiting in the queue
how long do I wait|time spent waiting|the queueing delay|how long users wait in the queue""",
    "inferd_queue_depth": """how many requests wait|how many requests are waiting|the queue length|the length of the queue|the backlog
how long the queue is|how many users wait|queued requests""",
    "inferd_time_to_first_token_seconds": """TTFT|how long until the first token|how long until the answer begins|responsiveness
first token latency|how fast the first word comes""",
    "inferd_inter_token_seconds": "stutter|the pause between tokens|inter-token latency|how smooth the stream is|ITL",
    "inferd_time_per_output_token_seconds": "TPOT|how fast one answer is written|reading speed|the speed of one stream",
    "inferd_generated_tokens_total": """tokens per second|how many tokens per second I get|how many tokens per second it makes|throughput|the output speed|how many tokens are generated|generation speed
how fast the server generates""",
    "inferd_prompt_tokens_total": "input tokens|how many prompt tokens are read|prompt throughput",
    "inferd_requests_received_total": """the request rate|how many requests arrive|requests per second|traffic|the demand|how many requests
come in|incoming requests""",
    "inferd_requests_ended_total": """the error rate|failed requests|how many requests fail|the success rate|how many requests succeed
availability|errors""",
    "inferd_request_duration_seconds": """latency|p99 latency|latency percentiles|p95 latency|the 99th percentile of latency
response time|how long a request takes|end-to-end latency|how long answers take
the total time of a request|how slow requests are""",
    "inferd_requests_running": "how many requests run|running requests|the current batch|how many answers are being written",
    "inferd_requests_rejected_total": "how many requests are refused|rejected requests|refused requests|why requests are refused|429s",
    "inferd_kv_cache_usage_ratio": "how full the KV cache is|KV cache usage|is the KV cache full|cache usage",
    "inferd_engine_busy_seconds_total": "how busy the engine is|engine utilization|the load of the engine|saturation",
    "inferd_engine_state": "the health of the engine|whether the engine is stalled|is the engine healthy",
    "inferd_engine_step_sequences": "the batch size|how big batches are|how many sequences are computed together",
    "inferd_queue_oldest_seconds": "stuck requests|the oldest waiting request|the age of the head of the queue|a stuck queue",
    "inferd_model_info": "which model is loaded|the quantization of the model|the name of the model",
    "inferd_model_load_seconds": "how long loading the model takes|the load time|startup time",
    "inferd_preemptions_total": "preemptions|how often sequences are preempted|evicted sequences",
    "inferd_prefix_cache_hit_tokens_total": "the prefix cache hit rate|prefix cache hits|how well the prefix cache works",
    "process_resident_memory_bytes": "memory usage|RAM usage|how much memory inferd uses|the memory of the daemon",
    "process_cpu_seconds_total": "CPU usage|how much CPU inferd uses|how many cores are used",
    "process_start_time_seconds": "uptime|when the daemon was started|restarts",
    "inferd_config_last_reload_successful": "whether the reload worked|a failed reload|did the config reload",
    "queue.capacity": "make the queue larger|a longer queue|the queue size|the maximum queue length|how long the queue may get|how many requests may wait",
    "queue.deadline": "the request timeout|how long a request may take|timeouts",
    "models[].max_running": "the batch size|the concurrency|how many requests run at once|the maximum batch size",
    "models[].threads": "the number of threads|how many cores are used|CPU threads",
    "models[].context": "the context length|the maximum sequence length|the context size",
    "models[].path": "the model file|which model is loaded|another model",
    "models[].kv_cache": "the size of the KV cache|KV cache memory",
    "api.listen": "the API port|the address of the API|the port of the API|the port for clients",
    "observability.listen": "the metrics port|the address of the metrics|the port for Prometheus",
    "logs.level": "the log level|verbosity|more log output|debug logs",
    "auth.keys_file": "API keys|authentication|who may ask|access",
    "lifecycle.drain_timeout": "the drain time|how long a shutdown may take|graceful shutdown",
    "inferctl status": "see what the server is doing|see the status|get an overview|know what is going on",
    "inferctl chat": "chat in the terminal|talk to the model in a terminal|have a conversation",
    "inferctl doctor": "find problems of the machine|see if my machine is good|check the hardware",
    "inferctl bench --concurrency N": "load test it|benchmark the server|make load",
    "InferdEngineStalled": "the engine hangs|the model hangs|no tokens come|the engine is stuck|a hang",
    "InferdGpuTemperatureHigh": "the GPU is too hot|the GPU overheats|the GPU is hot",
    "InferdGpuLost": "the GPU is gone|the GPU fell off the bus|the GPU does not answer",
    "InferdGpuMemoryHigh": "the GPU runs out of memory|the GPU memory is full",
    "InferdQueueDeep": "the queue is nearly full|the queue is long|too many requests wait",
    "InferdErrorRateHigh": "too many requests fail|there are many errors|the error rate is high",
    "InferdDiskSpaceLow": "the disk is full|the disk is nearly full|there is no space left",
    "InferdCertificateExpiring": "the certificate expires|a certificate runs out",
    "InferdTargetDown": "the daemon is down|inferd is down|the server is not reachable",
    "scripts/test --quick": "run the quick tests|test quickly",
}

# Other words for the same, used at random in questions.
SYNONYMS = {
    "refused": "rejected|turned away", "answer": "response|reply", "answers": "responses|replies", "generated": "produced|written",
    "memory": "RAM", "duration": "length|time", "prompt": "input", "mean": "average", "gap": "pause|delay", "ended": "finished",
    "waiting": "queued|pending", "waited": "waits|spent", "requests": "calls|queries", "request": "call|query", "daemon": "server",
    "configuration": "config", "file": "yaml", "check": "test|verify|validate", "show": "display|see|print", "print": "show|see",
    "list": "show|see", "run": "execute|start", "start": "launch|run", "machine": "computer|host", "share": "part|fraction",
    "threads": "cores", "largest": "biggest|maximum", "most": "maximum", "time": "how long", "open": "active", "model": "LLM",
    "load": "traffic", "reload": "re-read", "install": "set up", "measure": "test", "lost": "dropped", "found": "hit",
    "server": "daemon", "tokens": "words", "age": "time", "size": "bytes", "speed": "rate", "connections": "clients",
}

# Asked in the evaluation only: question, words of which one must be in the answer.
HELD_OUT = [
    ("Could you say what inferd might be?", "inference daemon"),
    ("In your own words, what's inferd about?", "inference daemon"),
    ("Mind telling me who you might be?", "demo model"),
    ("And who might you be, my friend?", "demo model"),
    ("Hello, how are you this fine morning?", "fine|well"),
    ("hey, are you doing alright today?", "fine|well|good"),
    ("What sort of things could I ask of you?", "metric"),
    ("cheers, that was really useful", "welcome"),
    ("Got any jokes to share?", "queue|gauge|counter|metric"),
    ("What's the quickest way of starting this demo?", "scripts/demo"),
    ("Which address should Prometheus scrape?", "9464"),
    ("On what port does the API listen?", "8080"),
    ("Is some Grafana dashboard included?", "/usr/share/inferd/grafana"),
    ("I edited the config: how is it reloaded?", "SIGHUP|systemctl reload|kill -HUP"),
    ("Must I own a GPU for this?", "No GPU|CPU"),
    ("Could a DeepSeek distillation be run here?", "GGUF|DeepSeek"),
    ("What might a KV cache be?", "keys and values"),
    ("What's the capital city of France?", "Paris"),
    ("Please compute 3 + 4", "7"),
    ("Whose goal won yesterday's football match?", "not know|only"),
    ("Please compare jazz with opera", "not know|only"),
    ("Got instructions for building a treehouse?", "not know|only"),
    ("Hiya, who's this then?", "demo model"),
    ("Whereabouts would I see the metrics?", "9464|/metrics"),
    ("What's needed to shut this thing down?", "SIGTERM|Ctrl-C"),
    ("Is a Llama model usable with it?", "GGUF"),
    ("Which metric tells me how long requests have to wait?", "inferd_request_queue_seconds"),
    ("I'd like the number of requests in the queue right now, which metric?", "inferd_queue_depth"),
    ("What's the metric for tokens per second being generated?", "inferd_generated_tokens_total"),
    ("See you tomorrow, bye!", "Goodbye"),
    ("What would two times five be?", "10"),
    ("What does inferd_banana_teapot_total mean?", "not know"),
    ("Explain the metric inferd_cookie_level to me", "not know"),
    ("What does the setting dragon.pumpkin_size do?", "not know"),
    ("My pager says InferdPenguinHigh, what's that?", "not know"),
    ("Could you tell me whether something is firing?", "inferctl alerts"),
    ("I want alerts in my mailbox, what must I do?", "alerts.notify"),
    ("Whereabouts would I read its logs?", "journalctl|logs.file"),
    ("One of my requests went wrong: what happened to it?", "inferctl trace"),
    ("What's the best way of installing this on a server?", "package"),
]
