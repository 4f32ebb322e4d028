// What a parser filled in means nothing before its status was looked at.
#include "dissect/rpc/pdus/rpc_header.h"

int main() {
  rpcaudit::dissect::RpcHeader header;
#ifdef MUST_NOT_COMPILE
  rpcaudit::dissect::parse_rpc_header({}, header);
#else
  using rpcaudit::dissect::ParseStatus;
  if (rpcaudit::dissect::parse_rpc_header({}, header) != ParseStatus::ok) return 1;
#endif
  return header.fragment_length;
}
