#pragma once

#include <array>
#include <cstdint>

#include "dissect/limits.h"
#include "dissect/rpc_observer.h"
#include "dissect/statistics.h"
#include "dissect/store/keyed_slab.h"
#include "dissect/stubs/epm.h"

namespace rpcaudit::dissect {

// A part of a message to or from an endpoint mapper.
struct EpmFragment {
  std::uint64_t message = 0;  // names it among those under way
  bool first = true;
  bool last = true;
  std::optional<std::uint16_t> index;  // its number, from 0; without one it is the next
  Bytes stub;                          // in clear
  FrameReference frame;
};

// What is asked for by a call to the mapper, from the first fragment of its stub; nothing when the
// operation asks for nothing. An empty stub is an encrypted one.
[[nodiscard]] std::optional<EndpointQuestion> question_of(std::uint16_t opnum, StubForm form,
                                                          Bytes stub) noexcept;

// Puts the messages of endpoint mappers together and tells their entries. Bounded: evicts the least
// recently used message in several fragments, and counts it.
class EpmStubs {
 public:
  EpmStubs(const Limits& limits, RpcObserver& observer, DissectStatistics& statistics,
           std::uint64_t seed);

  // Whether the operation's message in this direction has entries.
  [[nodiscard]] static bool has_entries(std::uint16_t opnum, bool is_answer) noexcept;

  // The first fragment of a message that has entries.
  void begin(const RpcContext& context, std::uint16_t opnum, StubForm form,
             const EpmFragment& fragment) noexcept;
  // A later fragment; passed over if its message is not under way. A fragment that is out of order
  // ends the message; copies of fragments that were read are ignored.
  void go_on(const EpmFragment& fragment) noexcept;
  // Nothing more comes of messages whose names are from `first` to `last`: those that are not
  // complete are counted.
  void end(std::uint64_t first, std::uint64_t last) noexcept;

 private:
  static constexpr std::size_t kStubSizeMax = std::size_t{1} << 18;

  struct Message {
    std::uint64_t name = 0;
    EpmOperation operation{};
    StubForm form;
    ProtocolSequence carrier{};
    Endpoint client;
    Endpoint mapper;
  };
  struct Stub {
    Message message;
    std::uint32_t size = 0;
    std::uint16_t next = 0;  // index of the fragment that is waited for
    std::array<std::byte, kStubSizeMax> bytes;
  };

  void tell(const Message& message, Bytes stub, const FrameReference& frame) noexcept;
  void append(Slot<Stub> slot, const EpmFragment& fragment) noexcept;
  [[nodiscard]] std::uint64_t hash_of(std::uint64_t message) const noexcept;
  [[nodiscard]] Slot<Stub> find(std::uint64_t message) const noexcept;
  void drop(Slot<Stub> slot) noexcept;

  RpcObserver& observer_;
  DissectStatistics& statistics_;
  KeyedSlab<Stub> stubs_;
  std::uint64_t secret_;
};

}  // namespace rpcaudit::dissect
