import { testTransport } from '../src/index.ts'
import { everythingDeclared, nothingDeclared, referenceOptions } from './support/reference-environment.ts'

// A correct transport passes, whatever it declares.
testTransport({ ...referenceOptions(everythingDeclared), name: 'reference-whole' })
testTransport({ ...referenceOptions(nothingDeclared), name: 'reference-bare', faults: [] })
