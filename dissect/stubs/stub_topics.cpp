#include "dissect/stubs/stub_topics.h"

#include "dissect/stubs/dcom_activation.h"
#include "dissect/stubs/epm.h"
#include "dissect/stubs/management.h"

namespace rpcaudit::dissect {

void StubTopics::note(const SyntaxId& interface) noexcept {
  if (interface.uuid == kEndpointMapper) mapper = true;
  if (interface.uuid == kManagement) management = true;
  if (is_activation(interface.uuid)) activation = true;
}

}  // namespace rpcaudit::dissect
