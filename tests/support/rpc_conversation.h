#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "tests/support/rpc_bytes.h"

namespace rpcaudit::test {

// What one side says before the other does.
struct Message {
  bool client = true;
  ByteVector bytes;
};

using Random = std::mt19937_64;

inline std::size_t up_to(Random& random, std::size_t most) {
  return std::uniform_int_distribution<std::size_t>(0, most)(random);
}

// A conversation with binds, alter_contexts, pipelined, fragmented and signed calls.
inline std::vector<Message> make_rpc_conversation(Random& random) {
  const std::endian order = up_to(random, 3) == 0 ? std::endian::big : std::endian::little;
  std::vector<Message> messages;
  std::uint32_t call_id = 1;
  std::optional<dissect::AuthNumbers> auth;
  if (up_to(random, 1) == 0)
    auth = dissect::AuthNumbers{10, static_cast<std::uint8_t>(2 + up_to(random, 4)), 7};
  messages.push_back({true, make_bind({{0, kSamr}, {1, kDrsuapi}, {2, kEpm}},
                                      {.call_id = call_id, .order = order, .auth = auth})});
  messages.push_back({false, make_bind_ack({{}, {2, 1}, {}}, {.call_id = call_id, .auth = auth})});
  const std::size_t rounds = 1 + up_to(random, 5);
  for (std::size_t round = 0; round < rounds; ++round) {
    ByteVector requests;
    ByteVector answers;
    const std::size_t pipelined = 1 + up_to(random, 2);
    for (std::size_t i = 0; i < pipelined; ++i) {
      PduShape shape{.call_id = ++call_id, .order = order, .auth = auth};
      const Request request{static_cast<std::uint16_t>(up_to(random, 3)),
                            static_cast<std::uint16_t>(up_to(random, 40)),
                            up_to(random, 4) == 0 ? std::optional(kEpm.uuid) : std::nullopt,
                            up_to(random, 2000)};
      if (up_to(random, 3) == 0) {
        shape.flags = dissect::kPfcFirstFragment;
        requests = join({requests, make_request(request, shape)});
        shape.flags = dissect::kPfcLastFragment;
      }
      requests = join({requests, make_request(request, shape)});
      if (up_to(random, 5) == 0) continue;
      answers = join({answers, up_to(random, 3) == 0
                                   ? make_fault(5, {.call_id = call_id, .order = order})
                                   : make_response(0, {.call_id = call_id}, up_to(random, 3000))});
    }
    messages.push_back({true, requests});
    if (!answers.empty()) messages.push_back({false, answers});
    if (up_to(random, 3) != 0) continue;
    ++call_id;
    messages.push_back({true, make_bind({{3, kEpm}}, {.call_id = call_id, .order = order},
                                        dissect::PduType::alter_context)});
    messages.push_back({false, make_bind_ack({{}}, {.call_id = call_id},
                                             dissect::PduType::alter_context_response)});
  }
  return messages;
}

}  // namespace rpcaudit::test
