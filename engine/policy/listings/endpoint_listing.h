#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dissect/endpoint.h"
#include "dissect/uuid.h"
#include "engine/policy/text/reporter.h"
#include "engine/policy/text/source_text.h"

namespace rpcaudit::policy {

// An endpoint as a server's endpoint mapper lists it.
struct ListedEndpoint {
  struct Version {
    std::uint16_t major = 0;
    std::uint16_t minor = 0;
  };

  IpAddress server;
  std::string protocol;    // `ncacn_ip_tcp`, in lower case
  std::uint16_t port = 0;  // 0 where the endpoint has a name
  std::string name;        // of a pipe (\PIPE\name) or a local port, as printed
  Uuid interface;
  std::optional<Version> version;  // only rpcdump.py prints versions
  std::string annotation;
  SourceSpan span;
};

// Reads what tools that ask an endpoint mapper print: impacket's rpcdump.py, rpcdump.exe of the
// Resource Kit, PortQry, and the script msrpc-enum of nmap, also in a transcript with other text.
// An endpoint stands at the address of its binding; a pipe, whose binding names the host, at the
// address that was asked. At most 65,536 endpoints are kept. Everything to say goes to `reporter`,
// also that the text lists none.
[[nodiscard]] std::vector<ListedEndpoint> read_endpoint_listing(const SourceText& source,
                                                                std::uint32_t file,
                                                                Reporter& reporter);

// Whether a text is such a listing, judged by its bindings.
[[nodiscard]] bool is_endpoint_listing(const SourceText& source);

}  // namespace rpcaudit::policy
