scenarios() { demo demo-domain-controller.pcapng; }
