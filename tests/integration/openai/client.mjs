// Drives inferd with OpenAI's own client, one case a run: node client.mjs CASE. INFERD_URL is the API's address, INFERD_KEY the key.
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const client = new OpenAI({
  baseURL: `${process.env.INFERD_URL}/v1`,
  apiKey: process.env.INFERD_KEY ?? 'none',
  maxRetries: 0,
  timeout: 120_000,
});
const messages = [{role: 'user', content: 'What is inferd_queue_depth for?'}];

async function refusal(type, status, parameters) {
  try {
    await client.chat.completions.create({model: 'demo', messages, max_tokens: 2, ...parameters});
  } catch (error) {
    assert(error instanceof type, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status);
    assert(error.message.length > 10 && error.type, error.message);
    assert(error.requestID, 'no request id');
    return error;
  }
  assert.fail(`no error; expected ${type.name}`);
}

const cases = {
  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.deepEqual(ids, ['demo']);
    assert.equal((await client.models.retrieve('demo')).id, 'demo');
  },

  async chat() {
    const answer = await client.chat.completions.create({model: 'demo', messages, max_completion_tokens: 16});
    assert.equal(answer.object, 'chat.completion');
    assert.equal(answer.choices[0].message.role, 'assistant');
    assert(answer.choices[0].message.content.length > 0);
    assert(['stop', 'length'].includes(answer.choices[0].finish_reason));
    assert(answer._request_id);
  },

  async streaming() {
    const options = {model: 'demo', messages, max_tokens: 24, temperature: 0};
    const whole = await client.chat.completions.create(options);
    const stream = await client.chat.completions.create({...options, stream: true});
    let text = '', reason = null;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta?.content ?? '';
      reason = chunk.choices[0]?.finish_reason ?? reason;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(reason, whole.choices[0].finish_reason);
  },

  async stream_helper() {
    const runner = client.chat.completions.stream({model: 'demo', messages, max_tokens: 8});
    const completion = await runner.finalChatCompletion();
    assert(completion.choices[0].message.content.length > 0);
  },

  async usage() {
    const stream = await client.chat.completions.create(
      {model: 'demo', messages, max_tokens: 8, stream: true, stream_options: {include_usage: true}});
    let usage = null;
    for await (const chunk of stream) usage = chunk.usage ?? usage;
    assert(usage.prompt_tokens > 0 && usage.completion_tokens > 0);
    assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
  },

  async logprobs() {
    const answer = await client.chat.completions.create({model: 'demo', messages, max_tokens: 4, logprobs: true, top_logprobs: 2});
    const content = answer.choices[0].logprobs.content;
    assert(content.length > 0);
    for (const token of content) {
      assert(token.logprob <= 1e-6 && token.top_logprobs.length === 2);
      assert.equal(typeof token.token, 'string');
    }
  },

  async two_choices() {
    const answer = await client.chat.completions.create({model: 'demo', messages, max_tokens: 8, n: 2});
    assert.deepEqual(answer.choices.map((c) => c.index), [0, 1]);
  },

  async stop() {
    const options = {model: 'demo', prompt: 'The queue', max_tokens: 32, temperature: 0};
    const text = (await client.completions.create(options)).choices[0].text;
    const letter = [...text.slice(1)].find((c) => /[a-z]/.test(c));
    assert(letter, `nothing to stop at in ${JSON.stringify(text)}`);
    const choice = (await client.completions.create({...options, stop: [letter]})).choices[0];
    assert.equal(choice.text, text.slice(0, text.indexOf(letter)));
    assert.equal(choice.finish_reason, 'stop');
  },

  async bad_request() {
    const error = await refusal(OpenAI.BadRequestError, 400, {temperature: 9});
    assert.equal(error.param, 'temperature');
    assert.equal((await refusal(OpenAI.BadRequestError, 400, {no_such_parameter: 1})).param, 'no_such_parameter');
    await refusal(OpenAI.BadRequestError, 400, {messages: []});
    await refusal(OpenAI.BadRequestError, 400, {temperature: 9, stream: true});
  },

  async not_found() {
    const error = await refusal(OpenAI.NotFoundError, 404, {model: 'gpt-9'});
    assert.equal(error.code, 'model_not_found');
    await assert.rejects(client.models.retrieve('none'), OpenAI.NotFoundError);
  },

  async authentication() {
    await refusal(OpenAI.AuthenticationError, 401, {});
  },

  async permission() {
    await refusal(OpenAI.PermissionDeniedError, 403, {});
  },

  async rate_limit() {
    const error = await refusal(OpenAI.RateLimitError, 429, {});
    assert(Number(error.headers.get('retry-after')) >= 1);
  },

  async unavailable() {
    const error = await refusal(OpenAI.InternalServerError, 503, {});
    assert(Number(error.headers.get('retry-after')) >= 1);
  },

  async aborted_stream() {
    const stream = await client.chat.completions.create({model: 'demo', messages, n: 8, stream: true, ignore_eos: true});
    let chunks = 0;
    for await (const _ of stream) {
      if (++chunks === 3) stream.controller.abort();
    }
    assert(chunks >= 3);
  },
};

const wanted = cases[process.argv[2]];
if (!wanted) {
  console.error(`usage: node client.mjs ${Object.keys(cases).join('|')}`);
  process.exit(2);
}
await wanted();
