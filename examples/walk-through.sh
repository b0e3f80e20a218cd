#!/bin/sh
# Every route of the three tiers, once, with curl. Start the service with `npm start`, then:
#
#   examples/walk-through.sh
#   TRIPTYCH_URL=http://127.0.0.1:4000 examples/walk-through.sh
#
# Stops at the first answer that is not 2xx. What it stores it also deletes.
set -eu

url=${TRIPTYCH_URL:-http://127.0.0.1:3000}
tenant=walk-through
thread=lisbon-$$

say() { printf '\n── %s\n' "$1"; }

# call METHOD PATH [JSON]: prints the answer
call() {
  if [ $# -gt 2 ]; then set -- "$1" "$2" -H 'content-type: application/json' --data-binary "$3"; fi
  method=$1 path=$2
  shift 2
  curl --fail-with-body -sS -X "$method" -H "x-tenant-id: $tenant" "$@" "$url$path"
  printf '\n'
}

# ids JSON: the memoryId of each memory in it, one a line
ids() { printf '%s' "$1" | grep -o '"memoryId":"[^"]*"' | cut -d '"' -f 4; }

say 'Is it there?'
call GET /health/ready

say 'Session: append what was said, a tool call and its result included'
call POST "/v1/sessions/$thread/messages" '{"messages":[
  {"role":"user","name":"ada","content":"I have to be in Lisbon on 3 May. A window seat, please, I get sick on the aisle."},
  {"role":"assistant","content":null,"tool_calls":[{"id":"call-1","type":"function",
    "function":{"name":"find_flights","arguments":"{\"to\":\"LIS\",\"day\":\"2027-05-03\"}"}}]},
  {"role":"tool","tool_call_id":"call-1","content":"TP 533 at 06:55, TP 541 at 17:20"},
  {"role":"assistant","content":"There is one at 06:55 and one at 17:20. Which do you prefer?"},
  {"role":"user","name":"ada","content":"The late one. I never fly before noon."}]}'

say 'Session: the newest three messages'
call GET "/v1/sessions/$thread/messages?limit=3"

say 'Session: the threads of this tenant'
call GET '/v1/sessions?limit=5'

say 'Memory: store one'
stored=$(call POST /v1/memories '{"agentId":"travel-agent","content":"Ada prefers window seats.",
  "metadata":{"kind":"preference"},"source":{"threadId":"'"$thread"'","seq":1,"speaker":"ada"}}')
printf '%s\n' "$stored"

say 'Memory: store several, all or none'
batch=$(call POST /v1/memories/batch '{"memories":[
  {"agentId":"travel-agent","content":"Ada never flies before noon."},
  {"agentId":"travel-agent","content":"The company pays hotels up to 140 euro a night."},
  {"agentId":"travel-agent","content":"Ada is a vegetarian."}]}')
printf '%s\n' "$batch"

say 'Memory: search by meaning'
call POST /v1/memories/search '{"query":"Which seat does Ada prefer?","limit":2}'

say 'Memory: the newest first'
call GET '/v1/memories?limit=2&agentId=travel-agent'

first=$(ids "$stored")
say 'Memory: change one; what is left out stays'
call PATCH "/v1/memories/$first" '{"content":"Ada prefers window seats, on the left."}'

say 'Memory: read it'
call GET "/v1/memories/$first"

say 'Working context: the tiers and their shares'
call GET /v1/context/budgets

for tier in fast reasoning; do
  say "Working context: what a model of the tier $tier sees now"
  call POST /v1/context/compile '{"threadId":"'"$thread"'","modelTier":"'"$tier"'",
    "systemPrompt":"You are a travel agent. Answer in one sentence.",
    "task":{"description":"Book the flight and a hotel that the company pays."}}'
done

say 'Memory: delete them'
for id in $first $(ids "$batch"); do call DELETE "/v1/memories/$id"; done

say 'Session: end it, which nothing else does'
call DELETE "/v1/sessions/$thread"

say 'Done.'
